package no.ravn.saxon;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.xml.transform.Source;
import javax.xml.transform.stream.StreamSource;
import net.sf.saxon.s9api.Processor;
import net.sf.saxon.s9api.QName;
import net.sf.saxon.s9api.SAXDestination;
import net.sf.saxon.s9api.SaxonApiException;
import net.sf.saxon.s9api.XdmAtomicValue;
import net.sf.saxon.s9api.XdmDestination;
import net.sf.saxon.s9api.XdmNode;
import net.sf.saxon.s9api.XsltCompiler;
import net.sf.saxon.s9api.XsltExecutable;
import net.sf.saxon.s9api.XsltTransformer;
import org.xml.sax.Attributes;
import org.xml.sax.helpers.DefaultHandler;

/** Validates documents by rule files: those that are stylesheets as they are, the others as the ISO skeleton for XSLT 2.0 compiles them. */
final class Rules {
  private static final String SKELETON = "/external/schematron/20100710-xslt2/";
  private static final String SVRL = "http://purl.oclc.org/dsdl/svrl";

  private final Processor processor = new Processor(false);
  private final Map<String, XsltExecutable> skeleton = new HashMap<>();
  /** The rule files of last time: questions come ordered by rule file, and there may be hundreds. */
  private final Map<String, XsltExecutable> compiled = new LinkedHashMap<>(16, 0.75f, true) {
    @Override
    protected boolean removeEldestEntry(Map.Entry<String, XsltExecutable> eldest) {
      return size() > 32;
    }
  };

  private final Map<String, String> broken = new HashMap<>();

  /** Answers each line of the file "in" by one line of the file "out". */
  void run(JsonObject cmd, JsonObject answer) throws Exception {
    int count = 0;
    try (BufferedReader in = Files.newBufferedReader(Path.of(cmd.get("in").getAsString()));
        PrintStream out = new PrintStream(cmd.get("out").getAsString(), StandardCharsets.UTF_8)) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        JsonObject o = Judge.GSON.fromJson(line, JsonObject.class);
        out.println(Judge.GSON.toJson(validate(o.get("sch").getAsString(), o.get("doc").getAsString())));
        count++;
      }
    }
    answer.addProperty("cases", count);
  }

  /** Reads a document and runs rule files on it, "warm" times without and "rounds" times with a watch; each report is a tree. */
  void time(JsonObject cmd, JsonObject answer) throws Exception {
    List<XsltExecutable> files = new ArrayList<>();
    for (JsonElement sch : cmd.getAsJsonArray("sch")) {
      files.add(rules(sch.getAsString()));
    }
    byte[] doc = Files.readAllBytes(Path.of(cmd.get("doc").getAsString()));
    int warm = cmd.get("warm").getAsInt();
    double[] ms = new double[cmd.get("rounds").getAsInt()];
    for (int i = -warm; i < ms.length; i++) {
      long start = System.nanoTime();
      XdmNode tree = processor.newDocumentBuilder().build(new StreamSource(new ByteArrayInputStream(doc)));
      for (XsltExecutable rules : files) {
        XsltTransformer t = rules.load();
        t.setInitialContextNode(tree);
        t.setDestination(new XdmDestination());
        t.transform();
      }
      if (i >= 0) {
        ms[i] = (System.nanoTime() - start) / 1e6;
      }
    }
    Arrays.sort(ms);
    answer.addProperty("median_ms", ms[ms.length / 2]);
  }

  private XsltExecutable rules(String sch) throws SaxonApiException {
    XsltExecutable rules = compiled.get(sch);
    if (rules == null) {
      Source source = new StreamSource(new File(sch));
      boolean stylesheet = sch.endsWith(".xsl") || sch.endsWith(".xslt");
      for (String stage : new String[] {"iso_dsdl_include.xsl", "iso_abstract_expand.xsl", "iso_svrl_for_xslt2.xsl"}) {
        source = stylesheet ? source : apply(stage, source).asSource();
      }
      rules = processor.newXsltCompiler().compile(source);
      compiled.put(sch, rules);
    }
    return rules;
  }

  private XdmNode apply(String stage, Source source) throws SaxonApiException {
    XsltExecutable e = skeleton.get(stage);
    if (e == null) {
      XsltCompiler c = processor.newXsltCompiler();
      e = c.compile(new StreamSource(Rules.class.getResource(SKELETON + stage).toExternalForm()));
      skeleton.put(stage, e);
    }
    XsltTransformer t = e.load();
    t.setSource(source);
    if (stage.contains("svrl")) {
      t.setParameter(new QName("allow-foreign"), new XdmAtomicValue("true"));
    }
    XdmDestination out = new XdmDestination();
    t.setDestination(out);
    t.transform();
    return out.getXdmNode();
  }

  /** Runs a rule file. One that cannot be compiled is known as such from then on. */
  private JsonObject validate(String sch, String doc) {
    Report report = new Report();
    XsltExecutable rules = null;
    try {
      if (!broken.containsKey(sch)) {
        rules = rules(sch);
      }
    } catch (SaxonApiException e) {
      broken.put(sch, String.valueOf(e.getMessage()));
    }
    if (rules == null) {
      report.result.addProperty("broken", broken.get(sch));
      return report.result;
    }
    try {
      XsltTransformer t = rules.load();
      t.setSource(new StreamSource(new StringReader(doc)));
      t.setDestination(new SAXDestination(report));
      t.transform();
    } catch (SaxonApiException e) {
      report.result.addProperty("error", e.getErrorCode() == null ? "none" : e.getErrorCode().getLocalName());
      report.result.addProperty("message", e.getMessage());
    }
    report.result.add("found", report.found);
    report.result.addProperty("fired", report.fired);
    return report.result;
  }

  /** Takes the report as it is written, so that what came before an error is known. */
  private static final class Report extends DefaultHandler {
    final JsonObject result = new JsonObject();
    final JsonArray found = new JsonArray();
    int fired;
    private boolean svrl; // the report is one
    private StringBuilder path; // of an Error, as stylesheets write it that are older than SVRL

    @Override
    public void characters(char[] text, int start, int length) {
      if (path != null) {
        path.append(text, start, length);
      }
    }

    @Override
    public void endElement(String uri, String local, String name) {
      if (path != null) {
        found.add("null null " + place(path.toString().trim()));
        path = null;
      }
    }

    @Override
    public void startElement(String uri, String local, String name, Attributes attrs) {
      if (local.equals("Xpath") && !svrl) { // in SVRL an Error is what no reader of it looks at
        path = new StringBuilder();
      }
      if (!uri.equals(SVRL)) {
        return;
      }
      svrl = true;
      switch (local) {
        case "fired-rule" -> {
          fired++;
          result.addProperty("context", attrs.getValue("context"));
        }
        case "failed-assert", "successful-report" ->
            found.add(attrs.getValue("id") + " " + attrs.getValue("flag") + " " + place(attrs.getValue("location")));
        default -> { }
      }
    }

    /**
     * A location with local names and positions only. Editions of the skeleton write a step as *:name[namespace-uri()='...'][n],
     * *[local-name()='name' and namespace-uri()='...'][n] or prefix:name[n], SchXslt as Q{...}name[n].
     */
    private static String place(String location) {
      return !location.startsWith("/") ? location : location // some editions write the values of attributes
          .replaceAll("\\*:([^\\[]+)\\[namespace-uri\\(\\)='[^']*'\\]", "$1")
          .replaceAll("\\*\\[local-name\\(\\)='([^']*)'( and namespace-uri\\(\\)='[^']*')?\\]", "$1")
          .replaceAll("Q\\{[^}]*\\}", "")
          .replaceAll("(^|/)(@?)[^/\\[@:]+:", "$1$2");
    }
  }
}
