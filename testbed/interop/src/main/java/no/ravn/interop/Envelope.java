package no.ravn.interop;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.apache.wss4j.common.crypto.Merlin;
import org.apache.wss4j.dom.WSConstants;
import org.apache.wss4j.dom.WSDataRef;
import org.apache.wss4j.dom.engine.WSSConfig;
import org.apache.wss4j.dom.engine.WSSecurityEngine;
import org.apache.wss4j.dom.engine.WSSecurityEngineResult;
import org.apache.wss4j.dom.handler.RequestData;
import org.apache.wss4j.dom.handler.WSHandlerResult;
import org.apache.xml.security.signature.XMLSignature;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.ErrorHandler;
import org.xml.sax.SAXException;
import org.xml.sax.SAXParseException;

/** Reads a SOAP envelope and judges its signature without the help of phase4. */
final class Envelope {
  static final String SOAP = "http://www.w3.org/2003/05/soap-envelope";
  static final String EB = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/";
  static final String EBBP = "http://docs.oasis-open.org/ebxml-bp/ebbp-signals-2.0";
  static final String DS = "http://www.w3.org/2000/09/xmldsig#";
  static final String EC = "http://www.w3.org/2001/10/xml-exc-c14n#";
  static final String WSSE = WSConstants.WSSE_NS;
  static final String WSU = WSConstants.WSU_NS;

  private Envelope() {}

  /** A namespace-aware DOM parser that neither fetches anything nor writes to the console. */
  static DocumentBuilder builder() throws ParserConfigurationException {
    DocumentBuilderFactory f = DocumentBuilderFactory.newDefaultNSInstance();
    f.setFeature("http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
    f.setFeature("http://xml.org/sax/features/external-general-entities", false);
    f.setFeature("http://xml.org/sax/features/external-parameter-entities", false);
    DocumentBuilder b = f.newDocumentBuilder();
    b.setErrorHandler(new ErrorHandler() {
      @Override
      public void warning(SAXParseException e) {}

      @Override
      public void error(SAXParseException e) throws SAXException {
        throw e;
      }

      @Override
      public void fatalError(SAXParseException e) throws SAXException {
        throw e;
      }
    });
    return b;
  }

  static Document parse(byte[] xml) throws ParserConfigurationException, IOException, SAXException {
    return builder().parse(new ByteArrayInputStream(xml));
  }

  /** The elements of this name anywhere below (or at) a node. */
  static List<Element> all(Document doc, String ns, String name) {
    NodeList nodes = doc.getElementsByTagNameNS(ns, name);
    List<Element> found = new ArrayList<>();
    for (int i = 0; i < nodes.getLength(); i++) {
      found.add((Element) nodes.item(i));
    }
    return found;
  }

  static Element first(Document doc, String ns, String name) {
    return (Element) doc.getElementsByTagNameNS(ns, name).item(0);
  }

  static String textOf(Document doc, String ns, String name) {
    Element e = first(doc, ns, name);
    return e == null ? null : e.getTextContent().trim();
  }

  /** What a ds:Reference says: URI, transforms, digest method and value. */
  static JsonObject reference(Element ref) {
    JsonObject o = new JsonObject();
    o.addProperty("uri", ref.getAttribute("URI"));
    JsonArray transforms = new JsonArray();
    NodeList all = ref.getElementsByTagNameNS(DS, "Transform");
    for (int i = 0; i < all.getLength(); i++) {
      Element t = (Element) all.item(i);
      JsonObject to = new JsonObject();
      to.addProperty("algorithm", t.getAttribute("Algorithm"));
      Element inclusive = (Element) t.getElementsByTagNameNS(EC, "InclusiveNamespaces").item(0);
      if (inclusive != null) {
        to.addProperty("prefix_list", inclusive.getAttribute("PrefixList"));
      }
      transforms.add(to);
    }
    o.add("transforms", transforms);
    Element method = (Element) ref.getElementsByTagNameNS(DS, "DigestMethod").item(0);
    o.addProperty("digest_method", method == null ? null : method.getAttribute("Algorithm"));
    Element value = (Element) ref.getElementsByTagNameNS(DS, "DigestValue").item(0);
    o.addProperty("digest_value", value == null ? null : value.getTextContent().replaceAll("\\s", ""));
    return o;
  }

  /** The references of the message signature (inside ds:SignedInfo). */
  static JsonArray signedReferences(Document doc) {
    JsonArray found = new JsonArray();
    for (Element e : all(doc, DS, "Reference")) {
      if (isIn(e, DS, "SignedInfo")) {
        found.add(reference(e));
      }
    }
    return found;
  }

  /** The references that a receipt repeats (inside NonRepudiationInformation). */
  static JsonArray receiptReferences(Document doc) {
    JsonArray found = new JsonArray();
    for (Element e : all(doc, DS, "Reference")) {
      if (isIn(e, EBBP, "NonRepudiationInformation")) {
        found.add(reference(e));
      }
    }
    return found;
  }

  /** Equal as sets, by URI, algorithms of the transforms, digest method and digest value. */
  static boolean sameReferences(JsonArray a, JsonArray b) {
    return a.size() > 0 && a.size() == b.size() && comparable(a).equals(comparable(b));
  }

  private static Set<String> comparable(JsonArray refs) {
    Set<String> set = new HashSet<>();
    for (JsonElement e : refs) {
      JsonObject o = e.getAsJsonObject();
      StringBuilder sb = new StringBuilder(o.get("uri").getAsString());
      for (JsonElement t : o.getAsJsonArray("transforms")) {
        sb.append('\n').append(t.getAsJsonObject().get("algorithm").getAsString());
      }
      set.add(sb.append('\n').append(o.get("digest_method")).append('\n').append(o.get("digest_value")).toString());
    }
    return set;
  }

  /** Every eb:Error of a signal. */
  static JsonArray errors(Document doc) {
    JsonArray found = new JsonArray();
    for (Element e : all(doc, EB, "Error")) {
      JsonObject o = new JsonObject();
      o.addProperty("code", e.getAttribute("errorCode"));
      o.addProperty("severity", e.getAttribute("severity"));
      o.addProperty("category", e.getAttribute("category"));
      o.addProperty("origin", e.getAttribute("origin"));
      o.addProperty("short", e.getAttribute("shortDescription"));
      o.addProperty("ref", e.getAttribute("refToMessageInError"));
      o.addProperty("detail", child(e, "ErrorDetail"));
      o.addProperty("description", child(e, "Description"));
      found.add(o);
    }
    return found;
  }

  /**
   * Judges the signature of an envelope twice: the XML signature alone by Santuario, with the certificate of the
   * token that it names, and the security header as a whole by WSS4J, with its profile checks and the given CAs.
   */
  static JsonObject judge(byte[] soap, List<X509Certificate> anchors) {
    JsonObject o = new JsonObject();
    o.addProperty("signature_valid", false);
    try {
      Document doc = parse(soap);
      o.add("references", signedReferences(doc));
      santuario(doc, o);
    } catch (Exception e) {
      o.addProperty("signature_error", Peer.reason(e));
    }
    if (!anchors.isEmpty()) {
      o.addProperty("wss4j_valid", false);
      try {
        wss4j(parse(soap), anchors, o);
      } catch (Exception e) {
        o.addProperty("wss4j_error", Peer.reason(e));
      }
    }
    return o;
  }

  private static void santuario(Document doc, JsonObject o) throws Exception {
    Element signature = null;
    for (Element e : all(doc, DS, "Signature")) {
      if (e.getParentNode() instanceof Element p && WSSE.equals(p.getNamespaceURI())
          && "Security".equals(p.getLocalName())) {
        signature = e;
        break;
      }
    }
    if (signature == null) {
      o.addProperty("signature_error", "not signed");
      return;
    }
    for (Element e : all(doc, "*", "*")) {
      if (e.hasAttributeNS(WSU, "Id")) {
        e.setIdAttributeNS(WSU, "Id", true);
      }
    }
    XMLSignature sig = new XMLSignature(signature, "", true);
    X509Certificate cert = tokenOf(doc, signature);
    o.addProperty("signer_cn", Keys.commonName(cert));
    o.addProperty("signer_cert_b64", Base64.getEncoder().encodeToString(cert.getEncoded()));
    o.addProperty("signature_method", sig.getSignedInfo().getSignatureMethodURI());
    boolean valid = sig.checkSignatureValue(cert);
    o.addProperty("signature_valid", valid);
    if (!valid) {
      o.addProperty("signature_error", "the signature value or a digest does not match");
    }
  }

  /** The certificate in the binary security token that the signature refers to. */
  private static X509Certificate tokenOf(Document doc, Element signature) throws Exception {
    Element str = (Element) signature.getElementsByTagNameNS(WSSE, "Reference").item(0);
    if (str == null) {
      throw new IllegalArgumentException("the signature names no security token");
    }
    String id = str.getAttribute("URI").replaceFirst("^#", "");
    for (Element token : all(doc, WSSE, "BinarySecurityToken")) {
      if (id.equals(token.getAttributeNS(WSU, "Id"))) {
        return Keys.certificate(Base64.getMimeDecoder().decode(token.getTextContent()));
      }
    }
    throw new IllegalArgumentException("there is no security token " + id);
  }

  private static void wss4j(Document doc, List<X509Certificate> anchors, JsonObject o) throws Exception {
    Merlin crypto = new Merlin(false, null);
    crypto.setTrustStore(Keys.trustStore(anchors));
    WSSConfig config = WSSConfig.getNewInstance();
    RequestData data = new RequestData();
    data.setWssConfig(config);
    data.setSigVerCrypto(crypto);
    data.setEnableRevocation(false);
    data.setSubjectCertConstraints(List.of(Pattern.compile("^.+$")));
    WSSecurityEngine engine = new WSSecurityEngine();
    engine.setWssConfig(config);
    WSHandlerResult results = engine.processSecurityHeader(doc, data);
    Set<String> parts = new TreeSet<>();
    boolean signed = false;
    if (results != null) {
      for (WSSecurityEngineResult r : results.getResults()) {
        if (Integer.valueOf(WSConstants.SIGN).equals(r.get(WSSecurityEngineResult.TAG_ACTION))) {
          signed = true;
          @SuppressWarnings("unchecked")
          List<WSDataRef> refs = (List<WSDataRef>) r.get(WSSecurityEngineResult.TAG_DATA_REF_URIS);
          for (WSDataRef ref : refs == null ? List.<WSDataRef>of() : refs) {
            if (ref.getProtectedElement() != null) {
              parts.add(ref.getProtectedElement().getLocalName());
            }
          }
        }
      }
    }
    o.add("signed_parts", Json.list(parts));
    o.addProperty("wss4j_valid", signed);
    if (!signed) {
      o.addProperty("wss4j_error", "not signed");
    }
  }

  private static boolean isIn(Node n, String ns, String name) {
    for (Node p = n.getParentNode(); p != null; p = p.getParentNode()) {
      if (ns.equals(p.getNamespaceURI()) && name.equals(p.getLocalName())) {
        return true;
      }
    }
    return false;
  }

  private static String child(Element e, String name) {
    Element c = (Element) e.getElementsByTagNameNS(EB, name).item(0);
    return c == null ? null : c.getTextContent();
  }
}
