package dev.pitot.web.jfr;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The types of one chunk. Each metadata event declares all types known by then; what it adds extends what is there.
 *
 * <p>Kept are the layouts of everything that can stand in a constant pool, and of the wanted events; of all other
 * events the id alone.
 */
final class Metadata {
    private static final String STACK_TRACE = "jdk.types.StackTrace";

    /** What a class of events registered late can refer to: their constants are kept even before one needs them. */
    private static final List<String> FIELDS_OF_EVENT_CLASSES =
            List.of("java.lang.String", "java.lang.Thread", "java.lang.Class", STACK_TRACE);

    /** Characters in the name of a type or field that is kept: rows and their index hold it. */
    private static final int LONGEST_NAME = 512;

    private final Limits limits;
    private final Predicate<String> wanted;
    private final boolean stackTraces;
    private final Constants constants;

    final LongMap<Layout> layouts = new LongMap<>();
    final LongMap<EventLayout> events = new LongMap<>();
    /** Elements and attributes that the metadata event being read may still have. */
    private int elementsLeft;

    /**
     * An event type and how its events lie; empty when nobody wants it.
     *
     * @param weight as of {@link Element#weight()}
     */
    record EventLayout(EventType type, Layout layout, long weight) {
        private static final EventLayout UNWANTED =
                new EventLayout(new EventType(0, "", List.of(), List.of()), new Layout(0, "", false), 0);

        boolean isWanted() {
            return this != UNWANTED;
        }
    }

    /** The type of an annotation, and whether it says what a number means. */
    private record AnnotationType(String name, boolean isContentType) {}

    /** A node of the tree that a metadata event holds. */
    private record Element(String name, String[] attributes, List<Element> children) {
        @Nullable
        String attribute(String key) {
            for (int i = 0; i < attributes.length; i += 2) {
                if (attributes[i].equals(key)) {
                    return attributes[i + 1];
                }
            }
            return null;
        }

        /** Roughly the bytes of memory that keeping what it says takes. */
        long weight() {
            long weight = 48;
            for (String attribute : attributes) {
                weight += 8 + attribute.length();
            }
            for (Element child : children) {
                weight += child.weight();
            }
            return weight;
        }

        List<Element> children(String childName) {
            List<Element> found = new ArrayList<>();
            for (Element child : children) {
                if (child.name.equals(childName)) {
                    found.add(child);
                }
            }
            return found;
        }
    }

    Metadata(Limits limits, Predicate<String> wanted, boolean stackTraces, Constants constants) {
        this.limits = limits;
        this.wanted = wanted;
        this.stackTraces = stackTraces;
        this.constants = constants;
    }

    /** Reads a metadata event whose size and type were read; {@code in} ends where it ends. */
    void read(Bytes in) throws JfrFormatException {
        if (in.remaining() > limits.metadataBytes()) {
            throw in.malformed("metadata of " + in.remaining() + " bytes, the limit is " + limits.metadataBytes());
        }
        in.readLong(); // timestamp
        in.readLong(); // duration
        in.readLong(); // id of this version of the metadata
        Element root = readTree(in);
        Map<Long, Element> declared = new LinkedHashMap<>();
        for (Element metadata : root.children("metadata")) {
            for (Element type : metadata.children("class")) {
                declared.put(number(type, "id", in), type);
            }
        }
        if (declared.isEmpty()) {
            throw in.malformed("metadata that declares no types");
        }
        Map<String, AnnotationType> annotations = annotationTypes(declared, in);
        declareLayouts(declared, annotations, in);
        defineEvents(declared, annotations, in);
        linkPools();
        if (layouts.size() + events.size() > limits.types()) {
            throw in.malformed("more than the limit of " + limits.types() + " types");
        }
    }

    private Element readTree(Bytes in) throws JfrFormatException {
        elementsLeft = limits.metadataElements();
        String[] strings = new String[in.readCount(limits.metadataElements(), 1, "strings of metadata")];
        for (int i = 0; i < strings.length; i++) {
            String text = in.readText(in.readByte(), limits.stringBytes());
            strings[i] = text == null ? "" : text;
        }
        return readElement(in, strings, 0);
    }

    private Element readElement(Bytes in, String[] strings, int depth) throws JfrFormatException {
        if (depth > limits.depth()) {
            throw in.malformed("metadata nested deeper than the limit of " + limits.depth());
        }
        String name = readString(in, strings);
        int pairs = in.readCount(limits.metadataElements(), 2, "attributes of metadata");
        elementsLeft -= 1 + pairs;
        if (elementsLeft < 0) {
            throw in.malformed(
                    "metadata of more elements and attributes than the limit of " + limits.metadataElements());
        }
        String[] attributes = new String[2 * pairs];
        for (int i = 0; i < attributes.length; i++) {
            attributes[i] = readString(in, strings);
        }
        int count = in.readCount(limits.metadataElements(), 3, "elements of metadata");
        List<Element> children = count == 0 ? List.of() : new ArrayList<>();
        for (int i = 0; i < count; i++) {
            children.add(readElement(in, strings, depth + 1));
        }
        return new Element(name, attributes, children);
    }

    private static String readString(Bytes in, String[] strings) throws JfrFormatException {
        int index = in.readInt();
        if (index < 0 || index >= strings.length) {
            throw in.malformed("metadata refers to string " + index + " of " + strings.length);
        }
        return strings[index];
    }

    private static long number(Element element, String attribute, Bytes in) throws JfrFormatException {
        String text = element.attribute(attribute);
        if (text != null) {
            try {
                return Long.parseLong(text);
            } catch (NumberFormatException notANumber) {
                // the same error as for none
            }
        }
        throw in.malformed("metadata has a " + element.name + " whose " + attribute + " is no number: " + text);
    }

    private static String name(Element element, Bytes in) throws JfrFormatException {
        String name = element.attribute("name");
        if (name == null) {
            throw in.malformed("metadata has a " + element.name + " without a name");
        }
        return name;
    }

    private static String checkedName(Element element, Bytes in) throws JfrFormatException {
        String name = name(element, in);
        if (name.length() > LONGEST_NAME) {
            throw in.malformed("metadata has a " + element.name + " with a name of " + name.length()
                    + " characters, the limit is " + LONGEST_NAME);
        }
        return name;
    }

    private static boolean isEvent(Element type) {
        return "jdk.jfr.Event".equals(type.attribute("superType"));
    }

    /** Annotations and settings are described by types of their own, which no value has. */
    private static boolean isValue(Element type) {
        String superType = type.attribute("superType");
        return superType == null || superType.equals("java.lang.Object");
    }

    private void declareLayouts(Map<Long, Element> declared, Map<String, AnnotationType> annotations, Bytes in)
            throws JfrFormatException {
        List<Map.Entry<Long, Element>> types = new ArrayList<>();
        Set<Long> added = new HashSet<>();
        for (Map.Entry<Long, Element> entry : declared.entrySet()) {
            Element element = entry.getValue();
            if (isEvent(element) || !isValue(element)) {
                continue;
            }
            types.add(entry);
            String name = checkedName(element, in);
            boolean simple = element.attribute("simpleType") != null;
            Layout known = layouts.get(entry.getKey());
            if (known == null) {
                constants.retain(element.weight(), in);
                layouts.put(entry.getKey(), new Layout(entry.getKey(), name, simple));
                added.add(entry.getKey());
                if (layouts.size() > limits.types()) {
                    throw in.malformed("more than the limit of " + limits.types() + " types");
                }
            } else if (!known.name.equals(name) || known.simple != simple) {
                throw in.malformed("type " + known.name + " is declared again as " + name);
            }
        }
        for (Map.Entry<Long, Element> entry : types) {
            Layout layout = layout(entry.getKey(), in);
            Layout.Slot[] slots = slots(entry.getValue(), annotations, in);
            if (added.contains(entry.getKey())) {
                layout.define(slots);
            } else if (!layout.hasSlots(slots)) {
                throw in.malformed("type " + layout.name + " is declared again with other fields");
            }
            if (layout.kind == Layout.STRING) {
                constants.strings = layout;
            }
        }
        for (Long id : added) {
            layout(id, in).link();
        }
    }

    private Layout layout(long id, Bytes in) throws JfrFormatException {
        Layout layout = layouts.get(id);
        if (layout == null) {
            throw in.malformed("metadata refers to a type " + id + " that it does not declare");
        }
        return layout;
    }

    private Layout.Slot[] slots(Element type, Map<String, AnnotationType> annotations, Bytes in)
            throws JfrFormatException {
        List<Element> fields = type.children("field");
        Layout.Slot[] slots = new Layout.Slot[fields.size()];
        for (int i = 0; i < slots.length; i++) {
            Element field = fields.get(i);
            Layout fieldType = layout(number(field, "class", in), in);
            boolean array = field.attribute("dimension") != null && number(field, "dimension", in) > 0;
            boolean unsigned = false;
            for (Element annotation : field.children("annotation")) {
                unsigned |= annotationType(annotation, annotations, in).name.equals("jdk.jfr.Unsigned");
            }
            slots[i] = new Layout.Slot(
                    checkedName(field, in),
                    fieldType,
                    array,
                    field.attribute("constantPool") != null,
                    unsigned,
                    !stackTraces && fieldType.name.equals(STACK_TRACE));
        }
        return slots;
    }

    private void defineEvents(Map<Long, Element> declared, Map<String, AnnotationType> annotations, Bytes in)
            throws JfrFormatException {
        for (Map.Entry<Long, Element> entry : declared.entrySet()) {
            Element element = entry.getValue();
            if (!isEvent(element)) {
                continue;
            }
            long id = entry.getKey();
            String name = name(element, in);
            if (!wanted.test(name)) {
                replace(id, EventLayout.UNWANTED, in);
                continue;
            }
            Layout layout = new Layout(id, checkedName(element, in), false);
            layout.define(slots(element, annotations, in));
            if (layout.slots.length == 0 || layout.slots[0].op() != Layout.LONG) {
                throw in.malformed("event type " + name + " does not start with a start time");
            }
            EventLayout known = events.get(id);
            if (known == null || !known.layout.name.equals(name) || !known.layout.hasSlots(layout.slots)) {
                EventType type = eventType(id, name, element, layout, annotations, in);
                replace(id, new EventLayout(type, layout, element.weight()), in);
            }
        }
    }

    private void replace(long id, EventLayout layout, Bytes in) throws JfrFormatException {
        EventLayout known = events.get(id);
        constants.release(known == null ? 0 : known.weight);
        constants.retain(layout.weight, in);
        events.put(id, layout);
    }

    private static EventType eventType(
            long id, String name, Element element, Layout layout, Map<String, AnnotationType> types, Bytes in)
            throws JfrFormatException {
        List<EventType.Field> fields = new ArrayList<>();
        List<Element> elements = element.children("field");
        for (int i = 0; i < layout.slots.length; i++) {
            Layout.Slot slot = layout.slots[i];
            boolean stands = slot.type.simple && slot.type.slots.length > 0;
            String typeName = stands ? slot.type.slots[0].type.name : slot.type.name;
            String contentType = null;
            for (Element annotation : elements.get(i).children("annotation")) {
                AnnotationType type = annotationType(annotation, types, in);
                if (contentType == null && type.isContentType) {
                    contentType = type.name;
                }
            }
            fields.add(new EventType.Field(
                    slot.name,
                    typeName,
                    slot.array,
                    slot.constant,
                    annotations(elements.get(i), types, in),
                    contentType));
        }
        return new EventType(id, name, fields, annotations(element, types, in));
    }

    private static List<EventType.Annotation> annotations(
            Element annotated, Map<String, AnnotationType> types, Bytes in) throws JfrFormatException {
        List<EventType.Annotation> annotations = new ArrayList<>();
        for (Element annotation : annotated.children("annotation")) {
            Map<String, String> values = new HashMap<>();
            for (int i = 0; i < annotation.attributes.length; i += 2) {
                if (!annotation.attributes[i].equals("class")) {
                    values.put(annotation.attributes[i], annotation.attributes[i + 1]);
                }
            }
            annotations.add(new EventType.Annotation(annotationType(annotation, types, in).name, values));
        }
        return annotations;
    }

    /** The types of annotations by id, as text. */
    private static Map<String, AnnotationType> annotationTypes(Map<Long, Element> declared, Bytes in)
            throws JfrFormatException {
        Map<String, Element> elements = new HashMap<>();
        String contentType = null;
        for (Map.Entry<Long, Element> entry : declared.entrySet()) {
            Element element = entry.getValue();
            if (!isEvent(element) && !isValue(element)) {
                String id = Long.toString(entry.getKey());
                elements.put(id, element);
                if (name(element, in).equals("jdk.jfr.ContentType")) {
                    contentType = id;
                }
            }
        }
        Map<String, AnnotationType> types = new HashMap<>();
        for (Map.Entry<String, Element> entry : elements.entrySet()) {
            boolean isContentType = false;
            for (Element annotation : entry.getValue().children("annotation")) {
                isContentType |= contentType != null && contentType.equals(annotation.attribute("class"));
            }
            types.put(entry.getKey(), new AnnotationType(name(entry.getValue(), in), isContentType));
        }
        return types;
    }

    private static AnnotationType annotationType(Element annotation, Map<String, AnnotationType> types, Bytes in)
            throws JfrFormatException {
        AnnotationType type = types.get(annotation.attribute("class"));
        if (type == null) {
            throw in.malformed("metadata uses an annotation of a type that it does not declare");
        }
        return type;
    }

    /** Gives a pool to each type whose constants a wanted event can lead to. */
    private void linkPools() {
        List<Layout> open = new ArrayList<>();
        List<Layout> seen = new ArrayList<>();
        events.forEach(event -> open.add(event.layout));
        layouts.forEach(layout -> {
            if (FIELDS_OF_EVENT_CLASSES.contains(layout.name) && (stackTraces || !layout.name.equals(STACK_TRACE))) {
                needPool(layout, open);
            }
        });
        while (!open.isEmpty()) {
            Layout layout = open.remove(open.size() - 1);
            if (layout.visited) {
                continue;
            }
            layout.visited = true;
            seen.add(layout);
            for (Layout.Slot slot : layout.slots) {
                if (slot.ignored) {
                    continue;
                }
                if (slot.constant || slot.type.kind == Layout.STRING) {
                    needPool(slot.type, open);
                } else {
                    open.add(slot.type);
                }
            }
        }
        seen.forEach(layout -> layout.visited = false);
    }

    private static void needPool(Layout type, List<Layout> open) {
        if (type.pool == null) {
            type.pool = new Pool();
        }
        open.add(type);
    }
}
