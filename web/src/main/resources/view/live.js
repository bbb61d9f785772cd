const BACK_OFF = [1000, 2000, 4000, 8000, 15000, 30000];
/** The close code of docs/spec/api.md: logged out, or too long without use. */
const SESSION_ENDED = 4401;
/** With no message for this long the watch is renewed; with none after that either, the connection is taken for dead. */
const SILENCE = 25_000;

/**
 * The WebSocket to the collector: opens, watches, reconnects. After a reconnect the same watch is sent again, with the
 * newest time the page holds as `since`, so the hole fills itself.
 *
 * @typedef {{name: 'connecting' | 'live' | 'waiting' | 'offline', lost?: boolean, retryAt?: number}} ConnectionState `lost`: an
 *   attempt has failed or a connection has ended since the collector was last heard of
 */
export class Live {
  /**
   * @param {(message: any) => void} onMessage
   * @param {(state: ConnectionState) => void} onState
   * @param {() => Promise<boolean>} mayConnect asked before each reconnect; false when the session has ended
   * @param {(reason: string) => void} onSessionEnd the collector closed the connection for that, with a reason or ''
   */
  constructor(onMessage, onState, mayConnect, onSessionEnd) {
    this.onMessage = onMessage;
    this.onState = onState;
    this.mayConnect = mayConnect;
    this.onSessionEnd = onSessionEnd;
    /** @type {(() => object) | null} */
    this.request = null;
    this.failures = 0;
    this.closed = false;
    this.timer = 0;
    this.watchdog = setInterval(() => this.#checkSilence(), 5000);
    this.retryNow = () => {
      if (this.timer) this.#connect();
    };
    addEventListener('online', this.retryNow);
    this.#connect();
  }

  /** Watches from now on what the function describes; it is asked again at each reconnect. */
  watch(request) {
    this.request = request;
    this.#send();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    clearInterval(this.watchdog);
    removeEventListener('online', this.retryNow);
    this.socket?.close();
  }

  #send() {
    if (this.request && this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(this.request()));
  }

  #connect() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.onState({ name: 'connecting', lost: this.failures > 0 });
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/live`);
    this.socket = socket;
    this.heard = Date.now();
    this.renewed = false;
    socket.onopen = () => {
      this.heard = Date.now();
      this.onState({ name: 'live' });
      this.#send();
    };
    socket.onmessage = event => {
      this.heard = Date.now();
      this.renewed = false;
      this.failures = 0;
      const message = JSON.parse(event.data);
      if (message.kind === 'lagged') this.#send();
      else this.onMessage(message);
    };
    socket.onclose = event => {
      if (this.socket !== socket || this.closed) return;
      if (event.code === SESSION_ENDED) this.onSessionEnd(event.reason);
      else this.#retry();
    };
  }

  async #retry() {
    const wait = BACK_OFF[Math.min(this.failures++, BACK_OFF.length - 1)] * (0.75 + Math.random() / 2);
    this.onState({ name: this.failures > 4 || !navigator.onLine ? 'offline' : 'waiting', lost: true, retryAt: Date.now() + wait });
    this.timer = setTimeout(async () => {
      this.timer = 0;
      const may = await this.mayConnect();
      if (this.closed || !may) return;
      this.#connect();
    }, wait);
  }

  #checkSilence() {
    if (this.socket?.readyState !== WebSocket.OPEN || Date.now() - this.heard < SILENCE) return;
    if (this.renewed) {
      this.socket.onclose = null;
      this.socket.close();
      this.#retry();
    } else {
      this.renewed = true;
      this.heard = Date.now() - SILENCE + 10_000;
      this.#send();
    }
  }
}
