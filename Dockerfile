# The collector, for use with a PostgreSQL beside it (compose.yaml). Build pitot.jar first: mvn -q -DskipTests package
FROM eclipse-temurin:25-jre
RUN useradd --system --uid 10001 --create-home pitot && mkdir -p /data && chown pitot /data && chmod 700 /data
COPY web/target/pitot.jar /opt/pitot/pitot.jar
USER pitot
VOLUME /data
EXPOSE 7070
ENTRYPOINT ["java", "-jar", "/opt/pitot/pitot.jar", "serve", "--data", "/data"]
