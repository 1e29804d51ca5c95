package no.ravn.saxon;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.xml.transform.stream.StreamSource;
import net.sf.saxon.Configuration;
import net.sf.saxon.lib.Feature;
import net.sf.saxon.pattern.Pattern;
import net.sf.saxon.s9api.Axis;
import net.sf.saxon.s9api.Processor;
import net.sf.saxon.s9api.QName;
import net.sf.saxon.s9api.SaxonApiException;
import net.sf.saxon.s9api.XPathCompiler;
import net.sf.saxon.s9api.XPathExecutable;
import net.sf.saxon.s9api.XPathSelector;
import net.sf.saxon.s9api.XdmItem;
import net.sf.saxon.s9api.XdmNode;
import net.sf.saxon.s9api.XdmNodeKind;
import net.sf.saxon.s9api.XdmSequenceIterator;
import net.sf.saxon.s9api.XdmValue;
import net.sf.saxon.trans.XPathException;
import net.sf.saxon.value.AtomicValue;

/**
 * Evaluates expressions of XPath 2.0, or of a later version that is asked for, and match patterns, as written and with
 * Saxon's optimizer.
 */
final class Expressions {
  private final Processor plain = new Processor(false);
  private final Processor optimized = new Processor(false);
  private Map<String, JsonElement> namespaces = Map.of();
  private String version = "2.0";
  private JsonArray lets = new JsonArray();
  private XdmNode document;
  private List<XdmNode> nodes;
  private List<XdmValue> values;

  Expressions() {
    Configuration one = plain.getUnderlyingConfiguration();
    Configuration two = optimized.getUnderlyingConfiguration();
    two.setNamePool(one.getNamePool()); // so that both can read one tree
    two.setDocumentNumberAllocator(one.getDocumentNumberAllocator());
    plain.setConfigurationProperty(Feature.OPTIMIZATION_LEVEL, "0");
  }

  /** Answers each line of the file "in" that asks for an expression by one line of the file "out". */
  void run(JsonObject cmd, JsonObject answer) throws Exception {
    int count = 0;
    try (BufferedReader in = Files.newBufferedReader(Path.of(cmd.get("in").getAsString()));
        PrintStream out = new PrintStream(cmd.get("out").getAsString(), StandardCharsets.UTF_8)) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        JsonObject o = Judge.GSON.fromJson(line, JsonObject.class);
        if (o.has("ns")) {
          namespaces = o.getAsJsonObject("ns").asMap();
          version = o.has("version") ? o.get("version").getAsString() : "2.0";
        } else if (o.has("doc")) {
          load(o);
        } else {
          out.println(Judge.GSON.toJson(both(o)));
          count++;
        }
      }
    }
    answer.addProperty("cases", count);
  }

  private void load(JsonObject o) throws SaxonApiException {
    document = plain.newDocumentBuilder().build(new StreamSource(new StringReader(o.get("doc").getAsString())));
    nodes = new ArrayList<>();
    collect(document);
    lets = new JsonArray();
    values = new ArrayList<>();
    if (!o.has("lets")) {
      return;
    }
    for (JsonElement let : o.getAsJsonArray("lets")) {
      XPathSelector s = compiler(plain).compile(let.getAsJsonArray().get(1).getAsString()).load();
      s.setContextItem(document);
      values.add(s.evaluate());
    }
    lets = o.getAsJsonArray("lets");
  }

  /** Numbers the nodes in document order, attributes behind their element. */
  private void collect(XdmNode n) {
    nodes.add(n);
    for (XdmSequenceIterator<XdmNode> it = n.axisIterator(Axis.ATTRIBUTE); it.hasNext(); ) {
      nodes.add(it.next());
    }
    for (XdmSequenceIterator<XdmNode> it = n.axisIterator(Axis.CHILD); it.hasNext(); ) {
      collect(it.next());
    }
  }

  private XPathCompiler compiler(Processor p) {
    XPathCompiler c = p.newXPathCompiler();
    c.setLanguageVersion(version);
    namespaces.forEach((prefix, uri) -> c.declareNamespace(prefix, uri.getAsString()));
    for (JsonElement let : lets) {
      c.declareVariable(new QName(let.getAsJsonArray().get(0).getAsString()));
    }
    return c;
  }

  private JsonObject both(JsonObject o) {
    JsonObject result = evaluate(plain, o);
    JsonObject second = evaluate(optimized, o);
    if (!result.equals(second)) {
      result.add("optimized", second);
    }
    return result;
  }

  private JsonObject evaluate(Processor p, JsonObject o) {
    JsonObject result = new JsonObject();
    boolean fixed = true;
    try {
      XPathCompiler c = compiler(p);
      XPathExecutable e = o.has("pattern") ? c.compilePattern(o.get("pattern").getAsString()) : c.compile(o.get("expr").getAsString());
      fixed = false;
      XPathSelector s = e.load();
      for (int i = 0; i < lets.size(); i++) {
        s.setVariable(new QName(lets.get(i).getAsJsonArray().get(0).getAsString()), values.get(i));
      }
      s.setContextItem(nodes.get(o.get("ctx").getAsInt()));
      JsonArray items = new JsonArray();
      if (e.getUnderlyingExpression().getInternalExpression() instanceof Pattern pattern) {
        items.add("xs:boolean " + pattern.matches(
            s.getContextItem().getUnderlyingValue().head(), s.getUnderlyingXPathContext().getXPathContextObject()));
      } else {
        for (XdmItem i : s.evaluate()) {
          items.add(item(i));
        }
      }
      result.add("items", items);
    } catch (SaxonApiException | XPathException e) {
      result.addProperty("error", code(e));
      result.addProperty("static", fixed);
      result.addProperty("message", e.getMessage());
    } catch (RuntimeException | Error e) {
      result.addProperty("crash", String.valueOf(e));
    }
    return result;
  }

  private static String code(Exception e) {
    for (Throwable t = e; t != null; t = t.getCause()) {
      if (t instanceof XPathException x && x.getErrorCodeLocalPart() != null) {
        return x.getErrorCodeLocalPart();
      }
    }
    return "none";
  }

  private static String item(XdmItem i) {
    if (i instanceof XdmNode n) {
      return "node " + path(n);
    }
    AtomicValue v = (AtomicValue) i.getUnderlyingValue();
    return v.getPrimitiveType().getDisplayName() + " " + v.getStringValue();
  }

  /** The place of a node: numbers among all siblings, and the name of an attribute. */
  private static String path(XdmNode n) {
    XdmNode parent = n.getParent();
    if (parent == null) {
      return "/";
    }
    String up = parent.getParent() == null ? "/" : path(parent) + "/";
    if (n.getNodeKind() == XdmNodeKind.ATTRIBUTE) {
      return up + "@{" + n.getNodeName().getNamespaceURI() + "}" + n.getNodeName().getLocalName();
    }
    int at = 1;
    for (XdmSequenceIterator<XdmNode> it = n.axisIterator(Axis.PRECEDING_SIBLING); it.hasNext(); it.next()) {
      at++;
    }
    return up + at;
  }
}
