package dev.pitot.agent.target;

import java.time.Duration;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication.Type;
import org.springframework.boot.web.context.WebServerApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.http.HttpStatus;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;
import reactor.core.publisher.Mono;

/** Spring Boot with the same pages on Spring MVC (Tomcat) or, with the system property {@code web}, on WebFlux (Netty). */
@SpringBootConfiguration(proxyBeanMethods = false)
@EnableAutoConfiguration
@Import(SpringTarget.Shop.class)
public class SpringTarget {
    public static void main(String[] args) throws Exception {
        SpringApplication application = new SpringApplication(SpringTarget.class);
        application.setWebApplicationType(WebApplicationType.valueOf(System.getProperty("web")));
        application.setDefaultProperties(Map.of(
                "server.port", "0",
                "server.address", "127.0.0.1",
                "spring.main.banner-mode", "off",
                "logging.level.root", "OFF"));
        ConfigurableApplicationContext context = application.run(args);
        Pages.serve(((WebServerApplicationContext) context).getWebServer().getPort(), context);
    }

    /** Controllers of either kind. */
    @RestController
    public static class Shop {
        @GetMapping("/items/{id}")
        public Map<String, String> item(@PathVariable("id") String id) {
            return Map.of("item", id);
        }

        @PostMapping("/echo")
        public String echo(@RequestBody String text) {
            return text;
        }

        /** Asynchronous with either. */
        @GetMapping("/later/{id}")
        public Mono<String> later(@PathVariable("id") String id) {
            return Mono.delay(Duration.ofMillis(5)).thenReturn("later " + id);
        }

        @GetMapping("/broken/{id}")
        public Mono<String> broken(@PathVariable("id") String id) {
            return Mono.delay(Duration.ofMillis(5))
                    .then(Mono.error(new ResponseStatusException(HttpStatus.SERVICE_UNAVAILABLE)));
        }
    }

    @Bean
    @ConditionalOnWebApplication(type = Type.REACTIVE)
    org.springframework.web.reactive.function.server.RouterFunction<?> reactive() {
        return org.springframework.web.reactive.function.server.RouterFunctions.route()
                .GET("/function/{id}", request -> org.springframework.web.reactive.function.server.ServerResponse.ok()
                        .bodyValue("function " + request.pathVariable("id")))
                .build();
    }

    @Bean
    @ConditionalOnWebApplication(type = Type.SERVLET)
    org.springframework.web.servlet.function.RouterFunction<?> servlet() {
        return org.springframework.web.servlet.function.RouterFunctions.route()
                .GET("/function/{id}", request -> org.springframework.web.servlet.function.ServerResponse.ok()
                        .body("function " + request.pathVariable("id")))
                .build();
    }
}
