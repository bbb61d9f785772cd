package dev.pitot.web.live;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonSerializer;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import java.io.IOException;

/**
 * JSON as the API speaks it: records by their components, {@code NaN} and infinities as {@code null}, whole doubles without a
 * fraction. Safe for any thread.
 */
public final class Json {
    /** The one mapper; never reconfigured. */
    public static final ObjectMapper MAPPER = JsonMapper.builder()
            .addModule(new SimpleModule("pitot")
                    .addSerializer(double[].class, new Doubles())
                    .addSerializer(Double.class, new OneDouble())
                    .addSerializer(double.class, new OneDouble()))
            .build();

    private Json() {}

    /** Text of a record, map or tree. */
    public static String text(Object value) {
        try {
            return MAPPER.writeValueAsString(value);
        } catch (JsonProcessingException bug) {
            throw new IllegalStateException("not JSON: " + value.getClass(), bug);
        }
    }

    private static void write(double value, JsonGenerator out) throws IOException {
        if (Double.isNaN(value) || Double.isInfinite(value)) {
            out.writeNull();
        } else if (value == Math.rint(value) && Math.abs(value) < 1L << 53) {
            out.writeNumber((long) value);
        } else {
            out.writeNumber(value);
        }
    }

    private static final class Doubles extends JsonSerializer<double[]> {
        @Override
        public void serialize(double[] values, JsonGenerator out, SerializerProvider provider) throws IOException {
            out.writeStartArray(values, values.length);
            for (double value : values) {
                write(value, out);
            }
            out.writeEndArray();
        }
    }

    private static final class OneDouble extends JsonSerializer<Double> {
        @Override
        public void serialize(Double value, JsonGenerator out, SerializerProvider provider) throws IOException {
            write(value, out);
        }
    }
}
