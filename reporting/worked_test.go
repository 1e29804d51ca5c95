package reporting

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/xml/dsig"
	"github.com/ravn-ap/ravn/xml/safe"
)

// Short names of the worked example (RPT-8).
var (
	inv = Identifier{peppol.SchemeBusdox, "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:" +
		"cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"}
	cn = Identifier{peppol.SchemeBusdox, "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2::CreditNote##" +
		"urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"}
	ord = Identifier{
		peppol.SchemeBusdox,
		"urn:oasis:names:specification:ubl:schema:xsd:Order-2::Order##urn:fdc:peppol.eu:poacc:trns:order:3::2.1",
	}
	rem = Identifier{peppol.SchemeBusdox, "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:" +
		"cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0#conformant#urn:fdc:anskaffelser.no:" +
		"2019:ehf:reminder:3.0::2.2"}
	mls = Identifier{peppol.SchemeBusdox, peppol.TypeMLS}
	tsr = Identifier{peppol.SchemeBusdox, peppol.TypeTSR}

	processes = map[Identifier]Identifier{
		inv: {peppol.SchemeProcess, "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"},
		cn:  {peppol.SchemeProcess, "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"},
		ord: {peppol.SchemeProcess, "urn:fdc:peppol.eu:poacc:bis:order_only:3"},
		rem: {peppol.SchemeProcess, "urn:fdc:anskaffelser.no:2019:ehf:postaward:g3:06:1.0"},
		mls: {peppol.SchemeProcess, "urn:peppol:edec:mls"},
		tsr: {peppol.SchemeProcess, "urn:fdc:peppol.eu:edec:bis:reporting:1.0"},
	}
	own     = peppol.SeatID("PNO000777")
	october = Header{Month: peppol.Month(202610), Seat: own}
)

// row is an exchange as a row of the CSV form.
type row struct {
	time, message string
	Item
}

func exchange(n int, at string, d Direction, other peppol.SeatID, doc Identifier, user, c1, c4 string) row {
	it := Item{
		Direction: d, C2: own, C3: other, DocType: doc, Process: processes[doc], Transport: peppol.TransportAS4,
		C1Country: c1, C4Country: c4, EndUser: user, N: 1,
	}
	if d == Incoming {
		it.C2, it.C3 = other, own
	}
	return row{"2026-" + at, fmt.Sprintf("m%d@ravn.test", n), it}
}

// counted are the transactions of RPT-8.1.
func counted() []row {
	return []row{
		exchange(1, "10-01T06:00:00Z", Outgoing, "PNO000888", inv, "A", "NO", ""),
		exchange(2, "10-02T07:10:00Z", Outgoing, "PNO000888", inv, "A", "NO", ""),
		exchange(3, "10-05T09:00:00Z", Outgoing, "POP000555", inv, "B", "NO", ""),
		exchange(4, "10-06T10:00:00Z", Outgoing, "POP000555", cn, "C", "SE", ""),
		exchange(5, "10-07T11:00:00Z", Outgoing, own, inv, "A", "NO", ""),
		exchange(5, "10-07T11:00:00Z", Incoming, own, inv, "D", "NO", "NO"),
		exchange(7, "10-09T12:00:00Z", Incoming, "PNO000888", ord, "B", "NO", "NO"),
		exchange(8, "10-12T13:00:00Z", Incoming, "POP000555", inv, "A", "DE", "NO"),
		exchange(9, "10-13T14:00:00Z", Incoming, "POP000555", inv, "D", "", "NO"),
		exchange(10, "10-20T15:00:00Z", Incoming, "PNO000888", inv, "C", "NO", "SE"),
		exchange(11, "10-21T16:00:00Z", Incoming, "PNO000888", mls, "", "NO", "NO"),
		exchange(12, "11-01T00:30:00+01:00", Outgoing, "PNO000888", rem, "B", "NO", ""),
	}
}

// notCounted are those of RPT-8.2 that can stand in a CSV file: a report of ours, a repeat of no. 8, one of September.
func notCounted() []row {
	return []row{
		exchange(102, "10-02T08:00:00Z", Outgoing, "PBE000001", tsr, "we", "NO", ""),
		counted()[7],
		exchange(104, "10-01T00:30:00+02:00", Outgoing, "PNO000888", inv, "A", "NO", ""),
	}
}

func items(rows []row) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for _, r := range rows {
			if !yield(r.Item, nil) {
				return
			}
		}
	}
}

func mustBuild(t testing.TB, h Header, rows []row) *Report {
	t.Helper()
	rep, err := Build(h, items(rows))
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// short shows a subtotal or subset in one line, with the names of the example.
func short(typ string, keys []Key, numbers ...uint64) string {
	out := []string{typ}
	for _, k := range keys {
		name := k.Value
		for n, id := range map[string]Identifier{"INV": inv, "CN": cn, "ORD": ord, "REM": rem, "MLS": mls} {
			if k.Value == id.Value {
				name = n
			}
		}
		if k.Meta != metaPR {
			out = append(out, name)
		}
	}
	return strings.Join(out, " ") + fmt.Sprintf(" %v", numbers)
}

func lines(r *Report) (out []string) {
	out = append(out, short("total", nil, r.TSR.Total.Incoming, r.TSR.Total.Outgoing))
	for _, s := range r.TSR.Subtotals {
		out = append(out, short(s.Type, s.Keys, s.Incoming, s.Outgoing))
	}
	out = append(out, short("full", nil, r.EUSR.FullSet.Sending, r.EUSR.FullSet.Receiving, r.EUSR.FullSet.Either))
	for _, s := range r.EUSR.Subsets {
		out = append(out, short(s.Type, s.Keys, s.Sending, s.Receiving, s.Either))
	}
	return out
}

// The numbers of RPT-8.3 and RPT-8.4.
var worked = []string{
	"total [6 6]",
	"PerTP peppol-transport-as4-v2_0 [6 6]",
	"PerSP-DT-PR PNO000777 INV [1 1]",
	"PerSP-DT-PR PNO000888 INV [1 2]",
	"PerSP-DT-PR PNO000888 REM [0 1]",
	"PerSP-DT-PR PNO000888 ORD [1 0]",
	"PerSP-DT-PR PNO000888 MLS [1 0]",
	"PerSP-DT-PR POP000555 CN [0 1]",
	"PerSP-DT-PR POP000555 INV [2 1]",
	"PerSP-DT-PR-CC PNO000777 INV NO NO [1 0]",
	"PerSP-DT-PR-CC PNO000888 INV NO SE [1 0]",
	"PerSP-DT-PR-CC PNO000888 MLS NO NO [1 0]",
	"PerSP-DT-PR-CC PNO000888 ORD NO NO [1 0]",
	"PerSP-DT-PR-CC POP000555 INV DE NO [1 0]",
	"PerSP-DT-PR-CC POP000555 INV ZZ NO [1 0]",
	"full [3 4 4]",
	"PerDT-PR CN [1 0 1]",
	"PerDT-PR INV [2 3 4]",
	"PerDT-PR ORD [0 1 1]",
	"PerDT-PR REM [1 0 1]",
	"PerDT-PR-EUC CN SE [1 0 1]",
	"PerDT-PR-EUC INV NO [2 2 3]",
	"PerDT-PR-EUC INV SE [0 1 1]",
	"PerDT-PR-EUC ORD NO [0 1 1]",
	"PerDT-PR-EUC REM NO [1 0 1]",
	"PerDT-EUC CN SE [1 0 1]",
	"PerDT-EUC INV NO [2 2 3]",
	"PerDT-EUC INV SE [0 1 1]",
	"PerDT-EUC ORD NO [0 1 1]",
	"PerDT-EUC REM NO [1 0 1]",
	"PerEUC NO [2 3 3]",
	"PerEUC SE [1 1 1]",
}

func checkWorked(t *testing.T, r *Report) {
	t.Helper()
	got, want := lines(r), slices.Clone(worked)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(r.TSR.Subtotals) != 14 || len(r.EUSR.Subsets) != 16 {
		t.Errorf("%d subtotals, %d subsets", len(r.TSR.Subtotals), len(r.EUSR.Subsets))
	}
}

// RPT-8: the worked example of twelve transactions; reports among them are left out.
func TestBuildWorkedExample(t *testing.T) {
	rep := mustBuild(t, october, append(counted(), notCounted()[0]))
	checkWorked(t, rep)
	golden.Equal(t, "worked/tsr.xml", rep.TSR.XML())
	golden.Equal(t, "worked/eusr.xml", rep.EUSR.XML())
}

// The written form is canonical, and reads back as what was written.
func TestWriteIsCanonical(t *testing.T) {
	odd := exchange(1, "10-01T06:00:00Z", Incoming, "PNO000888", Identifier{`a<"&>'`, "b&<>\"' ø"}, "A", "NO", "NO")
	odd.Process = Identifier{"p", "æ>q"}
	odd.Transport = "t&t"
	for _, rows := range [][]row{counted(), {odd}, {}} {
		rep := mustBuild(t, october, rows)
		for _, b := range [][]byte{rep.TSR.XML(), rep.EUSR.XML()} {
			doc, err := safe.Parse(b, safe.Document)
			if err != nil {
				t.Fatal(err)
			}
			canon, err := dsig.Canon{Method: dsig.Inclusive}.Bytes(doc.Root())
			if err != nil || string(canon) != string(b) {
				t.Errorf("canonical form (%v)\n%s\nwritten\n%s", err, canon, b)
			}
		}
		again, err := ReadTSR(rep.TSR.XML())
		if err != nil || string(again.XML()) != string(rep.TSR.XML()) {
			t.Errorf("%v: TSR does not read back", err)
		}
		users, err := ReadEUSR(rep.EUSR.XML())
		if err != nil || string(users.XML()) != string(rep.EUSR.XML()) {
			t.Errorf("%v: EUSR does not read back", err)
		}
	}
}
