import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.StringReader;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.xml.XMLConstants;
import javax.xml.parsers.SAXParserFactory;
import javax.xml.validation.Schema;
import javax.xml.validation.SchemaFactory;
import javax.xml.validation.ValidatorHandler;
import org.w3c.dom.ls.LSInput;
import org.xml.sax.Attributes;
import org.xml.sax.ErrorHandler;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;
import org.xml.sax.SAXParseException;
import org.xml.sax.XMLReader;
import org.xml.sax.helpers.XMLFilterImpl;

/**
 * Validates documents with the Xerces of the JDK. Each line of the input is a schema's path and a document in base64; each
 * line of the answer is "valid", "malformed" or "refused" (the schema) with a message, or the errors: path, blank,
 * constraint, separated by tabs.
 */
public final class XercesJudge {
    private static final Map<String, Schema> SCHEMAS = new HashMap<>();

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line; (line = in.readLine()) != null; ) {
            String[] part = line.split("\t");
            out.println(judge(part[0], Base64.getDecoder().decode(part.length > 1 ? part[1] : "")));
        }
    }

    private static String judge(String path, byte[] document) throws Exception {
        Schema schema;
        try {
            schema = load(path);
        } catch (SAXException e) {
            return "refused " + oneLine(e);
        }
        SAXParserFactory factory = SAXParserFactory.newInstance();
        factory.setNamespaceAware(true);
        XMLReader reader = factory.newSAXParser().getXMLReader();
        Tracker tracker = new Tracker();
        ValidatorHandler validator = schema.newValidatorHandler();
        validator.setErrorHandler(tracker.errors);
        tracker.setContentHandler(validator);
        reader.setContentHandler(tracker);
        reader.setErrorHandler(null);
        try {
            reader.parse(new InputSource(new ByteArrayInputStream(document)));
        } catch (SAXException e) {
            return "malformed " + oneLine(e);
        }
        return tracker.found.isEmpty() ? "valid" : String.join("\t", tracker.found);
    }

    private static String oneLine(Exception e) {
        return String.valueOf(e.getMessage()).replaceAll("\\s+", " ");
    }

    private static Schema load(String path) throws SAXException {
        Schema schema = SCHEMAS.get(path);
        if (schema == null) {
            SchemaFactory factory = SchemaFactory.newInstance(XMLConstants.W3C_XML_SCHEMA_NS_URI);
            factory.setResourceResolver((type, ns, pub, sys, base) -> sys != null && sys.endsWith(".dtd") ? empty() : null);
            schema = factory.newSchema(new File(path));
            SCHEMAS.put(path, schema);
        }
        return schema;
    }

    /** The DTD that some schemas name: it need not be there. */
    private static LSInput empty() {
        return (LSInput) Proxy.newProxyInstance(XercesJudge.class.getClassLoader(), new Class<?>[] {LSInput.class},
            (proxy, method, args) -> {
                if (method.getName().equals("getCharacterStream")) {
                    return new StringReader("");
                }
                return method.getReturnType() == boolean.class ? Boolean.FALSE : null;
            });
    }

    /** Knows at which element an error is found. */
    private static final class Tracker extends XMLFilterImpl {
        final List<String> found = new ArrayList<>();
        private final Deque<String> names = new ArrayDeque<>();
        private final Deque<Map<String, Integer>> counts = new ArrayDeque<>();

        final ErrorHandler errors = new ErrorHandler() {
            @Override
            public void warning(SAXParseException e) {}

            @Override
            public void error(SAXParseException e) {
                String message = String.valueOf(e.getMessage());
                int colon = message.indexOf(':');
                found.add("/" + String.join("/", names) + " " + (colon < 0 ? "?" : message.substring(0, colon).replaceAll("\\s", "_")));
            }

            @Override
            public void fatalError(SAXParseException e) {
                error(e);
            }
        };

        Tracker() {
            counts.push(new HashMap<>());
        }

        @Override
        public void startElement(String uri, String local, String raw, Attributes attributes) throws SAXException {
            int n = counts.peek().merge("{" + uri + "}" + local, 1, Integer::sum);
            counts.push(new HashMap<>());
            names.addLast(local + "[" + n + "]");
            super.startElement(uri, local, raw, attributes);
        }

        @Override
        public void endElement(String uri, String local, String raw) throws SAXException {
            super.endElement(uri, local, raw);
            names.removeLast();
            counts.pop();
        }
    }
}
