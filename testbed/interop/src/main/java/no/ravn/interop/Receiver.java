package no.ravn.interop;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.helger.collection.commons.ICommonsList;
import com.helger.http.header.HttpHeaderMap;
import com.helger.peppol.sbdh.PeppolSBDHData;
import com.helger.peppol.sbdh.PeppolSBDHDataReader;
import com.helger.peppolid.factory.PeppolIdentifierFactory;
import com.helger.phase4.attachment.WSS4JAttachment;
import com.helger.phase4.crypto.AS4CryptoFactoryInMemoryKeyStore;
import com.helger.phase4.ebms3header.Ebms3Property;
import com.helger.phase4.ebms3header.Ebms3SignalMessage;
import com.helger.phase4.ebms3header.Ebms3UserMessage;
import com.helger.phase4.error.AS4ErrorList;
import com.helger.phase4.incoming.IAS4IncomingMessageMetadata;
import com.helger.phase4.incoming.IAS4IncomingMessageState;
import com.helger.phase4.incoming.spi.AS4MessageProcessorResult;
import com.helger.phase4.incoming.spi.AS4SignalMessageProcessorResult;
import com.helger.phase4.incoming.spi.IAS4IncomingMessageProcessorSPI;
import com.helger.phase4.model.error.EEbmsError;
import com.helger.phase4.model.error.Ebms3ErrorBuilder;
import com.helger.phase4.model.pmode.IPMode;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import org.apache.wss4j.dom.str.STRParser;
import org.eclipse.jetty.server.ServerConnector;
import org.w3c.dom.Document;
import org.w3c.dom.Node;

/** One receiving access point: what is done with a message that phase4 has decrypted and verified. */
final class Receiver implements IAS4IncomingMessageProcessorSPI {
  /** SBDs above this size are not read into a document tree for the header checks. */
  private static final long SBDH_CHECK_LIMIT = 32L << 20;

  /** The namespace of BinaryContent and TextContent. */
  private static final String WRAPPER = "http://peppol.eu/xsd/ticc/envelope/1.0";

  private final String name;
  private final Keys.Identity own;
  private final AS4CryptoFactoryInMemoryKeyStore crypto;
  private final Path dir;
  private final Set<String> notServiced = new TreeSet<>();
  private final boolean checkSeat;
  private final boolean checkSbdh;
  private final int delayMillis;
  private final JsonObject answerCode;
  private final JsonArray received = new JsonArray();
  private final JsonArray refused = new JsonArray();
  final ServerConnector connector;
  Tap tap;

  Receiver(String name, JsonObject cmd, Keys.Identity own, AS4CryptoFactoryInMemoryKeyStore crypto,
      ServerConnector connector) throws IOException {
    this.name = name;
    this.own = own;
    this.crypto = crypto;
    this.connector = connector;
    dir = Files.createDirectories(Json.path(cmd, "dir"));
    Json.texts(cmd, "not_serviced").forEach(p -> notServiced.add(value(p)));
    checkSeat = Json.flag(cmd, "check_seat", false);
    checkSbdh = Json.flag(cmd, "check_sbdh", true);
    delayMillis = Json.number(cmd, "delay_ms", 0);
    answerCode = Json.has(cmd, "answer_error") ? cmd.getAsJsonObject("answer_error") : null;
  }

  String name() {
    return name;
  }

  AS4CryptoFactoryInMemoryKeyStore crypto() {
    return crypto;
  }

  JsonArray list() {
    synchronized (received) {
      return received.deepCopy();
    }
  }

  JsonArray refused() {
    synchronized (refused) {
      return refused.deepCopy();
    }
  }

  @Override
  public AS4MessageProcessorResult processAS4UserMessage(IAS4IncomingMessageMetadata metadata, HttpHeaderMap headers,
      Ebms3UserMessage message, IPMode pmode, Node payload, ICommonsList<WSS4JAttachment> attachments,
      IAS4IncomingMessageState state, AS4ErrorList errors) {
    String id = message.getMessageInfo().getMessageId();
    try {
      if (delayMillis > 0) {
        Thread.sleep(delayMillis);
      }
      take(id, message, attachments, state);
      return AS4MessageProcessorResult.createSuccess();
    } catch (Refusal e) {
      errors.add(e.error.refToMessageInError(id).build());
    } catch (Exception e) {
      e.printStackTrace();
      errors.add(EEbmsError.EBMS_OTHER.errorBuilder(Locale.US).refToMessageInError(id).errorDetail(Peer.reason(e))
          .build());
    }
    return AS4MessageProcessorResult.createFailure();
  }

  @Override
  public AS4SignalMessageProcessorResult processAS4SignalMessage(IAS4IncomingMessageMetadata metadata,
      HttpHeaderMap headers, Ebms3SignalMessage message, IPMode pmode, IAS4IncomingMessageState state,
      AS4ErrorList errors) {
    return AS4SignalMessageProcessorResult.createSuccess();
  }

  /** Keeps what was refused, by phase4 itself or by us, so that a test can see the reason. */
  @Override
  public void processAS4ResponseMessage(IAS4IncomingMessageMetadata metadata, IAS4IncomingMessageState state,
      String responseId, byte[] response, boolean available, AS4ErrorList errors) {
    if (errors.isEmpty()) {
      return;
    }
    JsonObject o = new JsonObject();
    o.addProperty("message_id", state.getMessageID());
    JsonArray list = new JsonArray();
    errors.forEach(e -> {
      JsonObject one = new JsonObject();
      one.addProperty("code", e.getEbmsError().getErrorCode());
      one.addProperty("severity", e.getEbmsError().getSeverity());
      one.addProperty("short", e.getEbmsError().getShortDescription());
      one.addProperty("detail", e.getEbmsError().getErrorDetail());
      one.addProperty("description", e.getEbmsError().getDescriptionValue());
      list.add(one);
    });
    o.add("errors", list);
    synchronized (refused) {
      refused.add(o);
    }
  }

  private void take(String id, Ebms3UserMessage message, ICommonsList<WSS4JAttachment> attachments,
      IAS4IncomingMessageState state) throws Exception {
    if (!state.isSoapDecrypted()) {
      throw new Refusal(EEbmsError.EBMS_FAILED_DECRYPTION, "the message is not encrypted");
    }
    if (!state.isSoapSignatureChecked() || state.getSigningCertificate() == null) {
      throw new Refusal(EEbmsError.EBMS_FAILED_AUTHENTICATION, "the message is not signed");
    }
    if (state.getSigningCertificateReferenceType() != STRParser.REFERENCE_TYPE.DIRECT_REF) {
      throw new Refusal(EEbmsError.EBMS_POLICY_NONCOMPLIANCE, "the signature does not name a security token");
    }
    if (attachments == null || attachments.isEmpty()) {
      throw new Refusal(EEbmsError.EBMS_OTHER, "the message has no payload part");
    }
    String from = message.getPartyInfo().getFrom().getPartyIdAtIndex(0).getValue();
    String to = message.getPartyInfo().getTo().getPartyIdAtIndex(0).getValue();
    String signer = Keys.commonName(state.getSigningCertificate());
    if (checkSeat && !from.equals(signer)) {
      throw new Refusal(EEbmsError.EBMS_FAILED_AUTHENTICATION,
          "From/PartyId " + from + " is not the signer " + signer);
    }
    if (checkSeat && !to.equals(own.seat())) {
      throw new Refusal(EEbmsError.EBMS_OTHER, "To/PartyId " + to + " is not " + own.seat());
    }
    Ebms3Property sender = property(message, "originalSender");
    Ebms3Property recipient = property(message, "finalRecipient");

    String file = id.replace('/', '_');
    Path temp = Files.createTempFile(dir, "in", ".tmp");
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    try (InputStream in = attachments.getFirstOrNull().getSourceStream();
        OutputStream out = new DigestOutputStream(Files.newOutputStream(temp), digest)) {
      in.transferTo(out);
    } catch (Exception e) {
      Files.deleteIfExists(temp);
      throw new Refusal(EEbmsError.EBMS_DECOMPRESSION_FAILURE, Peer.reason(e));
    }
    try {
      if (checkSbdh && Files.size(temp) <= SBDH_CHECK_LIMIT) {
        checkSbdh(temp, message, sender, recipient);
      }
      if (recipient != null && notServiced.contains(recipient.getValue())) {
        throw new Refusal(EEbmsError.EBMS_OTHER, "PEPPOL:NOT_SERVICED");
      }
      if (answerCode != null) {
        throw new Refusal(answerCode);
      }
    } catch (Refusal e) {
      Files.deleteIfExists(temp);
      throw e;
    }
    JsonObject o = new JsonObject();
    o.addProperty("message_id", id);
    o.addProperty("from", from);
    o.addProperty("to", to);
    o.addProperty("action", message.getCollaborationInfo().getAction());
    o.addProperty("service", message.getCollaborationInfo().getService().getValue());
    o.addProperty("service_type", message.getCollaborationInfo().getService().getType());
    o.addProperty("conversation", message.getCollaborationInfo().getConversationId());
    o.addProperty("original_sender", sender == null ? null : sender.getValue());
    o.addProperty("original_sender_type", sender == null ? null : sender.getType());
    o.addProperty("final_recipient", recipient == null ? null : recipient.getValue());
    o.addProperty("final_recipient_type", recipient == null ? null : recipient.getType());
    o.addProperty("mime_type", attachments.getFirstOrNull().getUncompressedMimeType());
    o.addProperty("compressed", attachments.getFirstOrNull().getCompressionMode() != null);
    o.addProperty("signer_cn", signer);
    o.addProperty("signer_cert_b64", Base64.getEncoder().encodeToString(state.getSigningCertificate().getEncoded()));
    o.addProperty("sha256", HexFormat.of().formatHex(digest.digest()));
    o.addProperty("bytes", Files.size(temp));
    Files.writeString(dir.resolve(file + ".json"), Json.GSON.toJson(o) + "\n");
    Files.move(temp, dir.resolve(file + ".xml"), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    synchronized (received) {
      received.add(o);
    }
  }

  /** The Peppol rules for the SBDH, and that it says the same as the message header. */
  private static void checkSbdh(Path file, Ebms3UserMessage message, Ebms3Property sender, Ebms3Property recipient)
      throws Exception {
    PeppolSBDHData sbdh;
    try (InputStream in = Files.newInputStream(file)) {
      Document doc = Envelope.builder().parse(in);
      // Standard and Type of a binary or text payload cannot be compared with an XML root
      boolean wrapped = doc.getElementsByTagNameNS(WRAPPER, "*").getLength() > 0;
      PeppolSBDHDataReader reader = new PeppolSBDHDataReader(PeppolIdentifierFactory.INSTANCE);
      reader.setPerformValueChecks(!wrapped);
      sbdh = reader.extractData(doc);
    } catch (Exception e) {
      throw new Refusal(EEbmsError.EBMS_OTHER, "SBDH: " + Peer.reason(e));
    }
    same("originalSender", sender, sbdh.getSenderScheme(), sbdh.getSenderValue());
    same("finalRecipient", recipient, sbdh.getReceiverScheme(), sbdh.getReceiverValue());
    String action = sbdh.getDocumentTypeScheme() + "::" + sbdh.getDocumentTypeValue();
    if (!action.equals(message.getCollaborationInfo().getAction())) {
      throw new Refusal(EEbmsError.EBMS_OTHER, "Action is not the document type of the SBDH");
    }
    if (!sbdh.getProcessValue().equals(message.getCollaborationInfo().getService().getValue())) {
      throw new Refusal(EEbmsError.EBMS_OTHER, "Service is not the process of the SBDH");
    }
  }

  private static void same(String name, Ebms3Property p, String scheme, String value) throws Refusal {
    if (p == null || p.getType() == null) {
      throw new Refusal(EEbmsError.EBMS_OTHER, "property " + name + " or its type is missing");
    }
    if (!p.getType().equals(scheme) || !p.getValue().equalsIgnoreCase(value)) {
      throw new Refusal(EEbmsError.EBMS_OTHER, "property " + name + " differs from the SBDH");
    }
  }

  private static Ebms3Property property(Ebms3UserMessage message, String name) {
    if (message.getMessageProperties() != null) {
      for (Ebms3Property p : message.getMessageProperties().getProperty()) {
        if (name.equals(p.getName())) {
          return p;
        }
      }
    }
    return null;
  }

  private static String value(String participant) {
    int at = participant.indexOf("::");
    return at < 0 ? participant : participant.substring(at + 2);
  }

  /** An answer other than a receipt. */
  private static final class Refusal extends Exception {
    final transient Ebms3ErrorBuilder error;

    Refusal(EEbmsError kind, String detail) {
      super(detail);
      error = kind.errorBuilder(Locale.US).errorDetail(detail);
    }

    /** An error that the test asks for: "code", "severity", "short" and "detail". */
    Refusal(JsonObject asked) {
      super("asked for");
      error = EEbmsError.EBMS_OTHER.errorBuilder(Locale.US).errorCode(Json.need(asked, "code"));
      if (Json.has(asked, "detail")) {
        error.errorDetail(Json.need(asked, "detail"));
      }
      if (Json.has(asked, "short")) {
        error.shortDescription(Json.need(asked, "short"));
      }
      if ("warning".equals(Json.text(asked, "severity", ""))) {
        error.severity(com.helger.phase4.model.error.EEbmsErrorSeverity.WARNING);
      }
    }
  }
}
