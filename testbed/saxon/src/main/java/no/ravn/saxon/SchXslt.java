package no.ravn.saxon;

import com.google.gson.JsonObject;
import java.io.File;
import javax.xml.transform.stream.StreamSource;
import net.sf.saxon.lib.Feature;
import net.sf.saxon.s9api.Processor;
import net.sf.saxon.s9api.SaxonApiException;
import net.sf.saxon.s9api.XsltExecutable;
import net.sf.saxon.s9api.XsltTransformer;

/** Compiles rule files to XSLT with SchXslt. */
final class SchXslt {
  private static final String PIPELINE = "/xslt/2.0/pipeline-for-svrl.xsl";

  private final Processor processor = new Processor(false);
  private XsltExecutable pipeline;

  SchXslt() {
    processor.setConfigurationProperty(Feature.XINCLUDE, true);
  }

  /** Writes the file "sch", compiled, to the file "out". */
  void compile(JsonObject cmd) throws SaxonApiException {
    if (pipeline == null) {
      StreamSource source = new StreamSource(SchXslt.class.getResource(PIPELINE).toExternalForm());
      pipeline = processor.newXsltCompiler().compile(source);
    }
    XsltTransformer t = pipeline.load();
    t.setSource(new StreamSource(new File(cmd.get("sch").getAsString())));
    t.setDestination(processor.newSerializer(new File(cmd.get("out").getAsString())));
    t.transform();
  }
}
