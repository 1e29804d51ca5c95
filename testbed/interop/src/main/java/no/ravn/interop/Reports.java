package no.ravn.interop;

import com.google.gson.JsonObject;
import com.helger.diagnostics.error.list.ErrorList;
import com.helger.jaxb.GenericJAXBMarshaller;
import com.helger.peppol.reporting.api.PeppolReportingItem;
import com.helger.peppol.reporting.eusr.EndUserStatisticsReport;
import com.helger.peppol.reporting.jaxb.eusr.EndUserStatisticsReport110Marshaller;
import com.helger.peppol.reporting.jaxb.eusr.v110.EndUserStatisticsReportType;
import com.helger.peppol.reporting.jaxb.eusr.v110.SubsetType;
import com.helger.peppol.reporting.jaxb.tsr.TransactionStatisticsReport101Marshaller;
import com.helger.peppol.reporting.jaxb.tsr.v101.SubtotalType;
import com.helger.peppol.reporting.jaxb.tsr.v101.TransactionStatisticsReportType;
import com.helger.peppol.reporting.tsr.TransactionStatisticsReport;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.OffsetDateTime;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;

/** Builds and reads the monthly reports with peppol-reporting. */
final class Reports {
  private Reports() {}

  /** Writes both reports of a list of items. */
  static JsonObject build(JsonObject cmd) throws Exception {
    List<PeppolReportingItem> items = new ArrayList<>();
    for (String line : Files.readAllLines(Json.path(cmd, "items"))) {
      items.add(item(Json.GSON.fromJson(line, JsonObject.class)));
    }
    YearMonth month = YearMonth.parse(Json.need(cmd, "month"));
    String seat = Json.need(cmd, "seat");
    write(new TransactionStatisticsReport101Marshaller(), Json.path(cmd, "tsr"),
        TransactionStatisticsReport.builder().monthOf(month).reportingServiceProviderID(seat).reportingItemList(items).build());
    write(new EndUserStatisticsReport110Marshaller(), Json.path(cmd, "eusr"),
        EndUserStatisticsReport.builder().monthOf(month).reportingServiceProviderID(seat).reportingItemList(items).build());
    JsonObject o = new JsonObject();
    o.addProperty("items", items.size());
    return o;
  }

  private static PeppolReportingItem item(JsonObject o) {
    PeppolReportingItem.Builder b = PeppolReportingItem.builder()
        .exchangeDateTime(OffsetDateTime.parse(Json.need(o, "time")))
        .c2ID(Json.need(o, "c2")).c3ID(Json.need(o, "c3"))
        .docTypeIDScheme(Json.need(o, "doctype_scheme")).docTypeIDValue(Json.need(o, "doctype"))
        .processIDScheme(Json.need(o, "process_scheme")).processIDValue(Json.need(o, "process"))
        .transportProtocol(Json.need(o, "transport"))
        .c1CountryCode(Json.need(o, "c1_country")).endUserID(Json.need(o, "end_user"));
    if (Json.need(o, "direction").equals("outgoing")) {
      return b.directionSending().build();
    }
    return b.directionReceiving().c4CountryCode(Json.need(o, "c4_country")).build();
  }

  private static <T> void write(GenericJAXBMarshaller<T> m, Path to, T report) throws Exception {
    ErrorList errors = new ErrorList();
    byte[] xml = m.setCollectErrors(errors).setFormattedOutput(true).getAsBytes(report);
    if (xml == null || errors.containsAtLeastOneError()) {
      throw new IllegalStateException("written: " + errors);
    }
    Files.write(to, xml);
  }

  /** Gives the numbers in both reports. */
  static JsonObject read(JsonObject cmd) throws Exception {
    List<String> tsr = new ArrayList<>();
    TransactionStatisticsReportType t = read(new TransactionStatisticsReport101Marshaller(), Json.path(cmd, "tsr"));
    tsr.add(line("header", t.getHeader().getReportPeriod().getStartDate(), t.getHeader().getReportPeriod().getEndDate(),
        t.getHeader().getReporterID().getSchemeID(), t.getHeader().getReporterIDValue()));
    tsr.add(line("total", t.getTotal().getIncoming(), t.getTotal().getOutgoing()));
    for (SubtotalType s : t.getSubtotal()) {
      List<Object> parts = new ArrayList<>(List.of(s.getType()));
      s.getKey().forEach(k -> parts.addAll(List.of(k.getMetaSchemeID(), k.getSchemeID(), k.getValue())));
      parts.addAll(List.of(s.getIncoming(), s.getOutgoing()));
      tsr.add(line(parts.toArray()));
    }
    List<String> eusr = new ArrayList<>();
    EndUserStatisticsReportType e = read(new EndUserStatisticsReport110Marshaller(), Json.path(cmd, "eusr"));
    eusr.add(line("header", e.getHeader().getReportPeriod().getStartDate(), e.getHeader().getReportPeriod().getEndDate(),
        e.getHeader().getReporterID().getSchemeID(), e.getHeader().getReporterIDValue()));
    eusr.add(line("full", e.getFullSet().getSendingEndUsers(), e.getFullSet().getReceivingEndUsers(),
        e.getFullSet().getSendingOrReceivingEndUsers()));
    for (SubsetType s : e.getSubset()) {
      List<Object> parts = new ArrayList<>(List.of(s.getType()));
      s.getKey().forEach(k -> parts.addAll(List.of(k.getMetaSchemeID(), k.getSchemeID(), k.getValue())));
      parts.addAll(List.of(s.getSendingEndUsers(), s.getReceivingEndUsers(), s.getSendingOrReceivingEndUsers()));
      eusr.add(line(parts.toArray()));
    }
    JsonObject o = new JsonObject();
    o.add("tsr", Json.list(tsr));
    o.add("eusr", Json.list(eusr));
    return o;
  }

  private static <T> T read(GenericJAXBMarshaller<T> m, Path from) {
    ErrorList errors = new ErrorList();
    T report = m.setCollectErrors(errors).read(from);
    if (report == null || errors.containsAtLeastOneError()) {
      throw new IllegalStateException(from.getFileName() + ": " + errors);
    }
    return report;
  }

  private static String line(Object... parts) {
    List<String> texts = new ArrayList<>();
    for (Object p : parts) {
      texts.add(p.toString());
    }
    return String.join("\t", texts);
  }
}
