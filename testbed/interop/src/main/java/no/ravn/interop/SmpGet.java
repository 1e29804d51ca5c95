package no.ravn.interop;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.helger.peppol.smp.ESMPTransportProfile;
import com.helger.peppolid.IDocumentTypeIdentifier;
import com.helger.peppolid.IParticipantIdentifier;
import com.helger.peppolid.factory.SimpleIdentifierFactory;
import com.helger.smpclient.peppol.SMPClientReadOnly;
import com.helger.xsds.peppol.smp1.EndpointType;
import com.helger.xsds.peppol.smp1.ProcessType;
import com.helger.xsds.peppol.smp1.ServiceGroupType;
import com.helger.xsds.peppol.smp1.ServiceMetadataType;
import com.helger.xsds.peppol.smp1.SignedServiceMetadataType;
import java.net.URI;
import java.security.KeyStore;
import java.util.Base64;

/** Reads an SMP with the Peppol SMP client. */
final class SmpGet {
  private static final String TEST_PROFILE = ESMPTransportProfile.TRANSPORT_PROFILE_PEPPOL_AS4_V2.getID();

  private SmpGet() {}

  static JsonObject get(JsonObject cmd) throws Exception {
    URI base = URI.create(Json.need(cmd, "url"));
    KeyStore trust = Keys.trustStore(Keys.anchors(cmd, "smp_ca_pem"));
    SimpleIdentifierFactory f = SimpleIdentifierFactory.INSTANCE;
    IParticipantIdentifier participant = f.parseParticipantIdentifier(full(Json.need(cmd, "participant"),
        "iso6523-actorid-upis"));
    IDocumentTypeIdentifier doctype = f.parseDocumentTypeIdentifier(full(Json.need(cmd, "doctype"),
        "busdox-docid-qns"));
    String process = Json.text(cmd, "process", null);
    String profile = Json.text(cmd, "transport_profile", TEST_PROFILE);

    JsonObject o = new JsonObject();
    SMPClientReadOnly client = client(base, trust, true);
    try {
      ServiceGroupType group = client.getServiceGroup(participant);
      o.addProperty("service_group", true);
      JsonArray types = new JsonArray();
      SMPClientReadOnly.getAllDocumentTypes(group, f, null).forEach(d -> types.add(d.getURIEncoded()));
      o.add("document_types", types);
    } catch (Exception e) {
      o.addProperty("service_group", false);
      o.addProperty("service_group_error", Peer.reason(e));
    }

    SignedServiceMetadataType signed;
    try {
      signed = client.getServiceMetadata(participant, doctype, null);
      o.addProperty("signature_valid", true);
    } catch (Exception e) {
      o.addProperty("signature_valid", false);
      o.addProperty("signature_error", Peer.reason(e));
      signed = client(base, trust, false).getServiceMetadata(participant, doctype, null);
    }
    ServiceMetadataType metadata = signed.getServiceMetadata();
    if (metadata.getRedirect() != null) {
      o.addProperty("redirect", metadata.getRedirect().getHref());
      o.addProperty("redirect_certificate_uid", metadata.getRedirect().getCertificateUID());
      return o;
    }
    o.addProperty("participant", metadata.getServiceInformation().getParticipantIdentifier().getValue());
    for (ProcessType p : metadata.getServiceInformation().getProcessList().getProcess()) {
      if (process != null && !process.equals(p.getProcessIdentifier().getValue())) {
        continue;
      }
      for (EndpointType e : p.getServiceEndpointList().getEndpoint()) {
        if (profile.equals(e.getTransportProfile()) && !o.has("endpoint_url")) {
          o.addProperty("process", p.getProcessIdentifier().getValue());
          o.addProperty("process_scheme", p.getProcessIdentifier().getScheme());
          o.addProperty("transport_profile", e.getTransportProfile());
          if (e.getServiceExpirationDate() != null) {
            o.addProperty("expiration", e.getServiceExpirationDate().toString());
          }
          o.addProperty("endpoint_url", SMPClientReadOnly.getEndpointAddress(e));
          o.addProperty("certificate",
              Base64.getEncoder().encodeToString(SMPClientReadOnly.getEndpointCertificate(e).getEncoded()));
        }
      }
    }
    if (!o.has("endpoint_url")) {
      o.addProperty("endpoint_error", "no endpoint with this process and transport profile");
    }
    return o;
  }

  private static SMPClientReadOnly client(URI base, KeyStore trust, boolean verify) {
    SMPClientReadOnly client = new SMPClientReadOnly(base);
    client.setTrustStore(trust);
    client.setVerifySignature(verify);
    client.setFollowSMPRedirects(false);
    return client;
  }

  private static String full(String id, String scheme) {
    int at = id.indexOf("::");
    boolean has = at > 0 && id.substring(0, at).matches("[a-z0-9-]+-[a-z0-9-]+");
    return has ? id : scheme + "::" + id;
  }
}
