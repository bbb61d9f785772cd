package dev.pitot.agent.instrument;

import dev.pitot.events.Spans;
import net.bytebuddy.asm.AsmVisitorWrapper;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.description.type.TypeDescription;
import net.bytebuddy.implementation.Implementation;
import net.bytebuddy.jar.asm.MethodVisitor;
import net.bytebuddy.jar.asm.Opcodes;
import net.bytebuddy.jar.asm.Type;
import net.bytebuddy.pool.TypePool;
import net.bytebuddy.utility.OpenedClassReader;

/**
 * Tells the bridge before and after each {@code task.run()} of a pool's loop. The task itself stays what it was wherever the application
 * may see it (queues, {@code remove}, {@code beforeExecute}, {@code shutdownNow}), and its stack traces have no frame more; advice cannot do that, as it
 * surrounds whole methods. No local variable, no handler of exceptions and so no new stack map frame: a task that throws ends with the thread, or
 * when the loop begins with the next one.
 */
final class RunsOfLoop implements AsmVisitorWrapper.ForDeclaredMethods.MethodVisitorWrapper {
    private static final String BRIDGE = Type.getInternalName(Spans.class);

    @Override
    public MethodVisitor wrap(
            TypeDescription type,
            MethodDescription method,
            MethodVisitor visitor,
            Implementation.Context context,
            TypePool pool,
            int writerFlags,
            int readerFlags) {
        return new MethodVisitor(OpenedClassReader.ASM_API, visitor) {
            @Override
            public void visitMaxs(int maxStack, int maxLocals) {
                super.visitMaxs(maxStack + 1, maxLocals);
            }

            @Override
            public void visitMethodInsn(int opcode, String owner, String name, String descriptor, boolean isInterface) {
                if (opcode == Opcodes.INVOKEINTERFACE
                        && owner.equals("java/lang/Runnable")
                        && name.equals("run")
                        && descriptor.equals("()V")) {
                    super.visitInsn(Opcodes.DUP);
                    super.visitMethodInsn(Opcodes.INVOKESTATIC, BRIDGE, "beginRun", "(Ljava/lang/Object;)V", false);
                    super.visitMethodInsn(opcode, owner, name, descriptor, isInterface);
                    super.visitMethodInsn(Opcodes.INVOKESTATIC, BRIDGE, "endRun", "()V", false);
                } else {
                    super.visitMethodInsn(opcode, owner, name, descriptor, isInterface);
                }
            }
        };
    }
}
