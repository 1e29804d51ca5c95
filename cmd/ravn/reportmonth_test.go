package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
	"github.com/ravn-ap/ravn/testbed"
	"github.com/ravn-ap/ravn/testbed/smp"
)

// earlier is the month n months before this one.
func earlier(n int) string {
	return peppol.MonthOf(time.Now().UTC().AddDate(0, -n, -time.Now().UTC().Day()+1)).String()
}

// The month of a record from its preview to the archive, as an operator does it; what is not possible says why.
func TestReportOfRecord(t *testing.T) {
	cfg := quickNode(t)
	out := filepath.Join(t.TempDir(), "reports")
	this, past := earlier(0), earlier(2)
	run := func(want int, contains string, args ...string) string {
		t.Helper()
		stdout, stderr, code := call(t, append([]string{"--config", cfg}, args...)...)
		if code != want || !strings.Contains(stdout+stderr, contains) {
			t.Errorf("%v: exit %d, want %d and %q:\n%s%s", args, code, want, contains, stdout, stderr)
		}
		return stdout
	}
	run(0, "0 incoming, 0 outgoing", "report", "preview", "--month", this)
	run(2, "ravn report preview", "report", "build", "--month", this)
	run(2, "not over", "report", "close", "--month", this)
	run(2, "not closed", "report", "build", "--month", past)
	run(2, "--month is needed", "report", "close")
	run(2, "--month", "report", "preview", "--month", "2026-13")
	run(2, "--seat", "report", "build", "--month", past, "--seat", "PNO000001")
	run(2, "nothing was closed: add --yes", "report", "close", "--month", past)
	run(2, "nothing was closed: add --yes", "report", "close", "--month", past, "--json")
	run(2, "not closed", "report", "build", "--month", past)
	run(0, "is closed", "report", "close", "--month", past, "--yes")
	run(2, "the month is closed", "report", "close", "--month", past, "--yes")
	run(0, "revision 1", "report", "build", "--month", past, "--out", out)
	run(2, "15th", "report", "build", "--month", past)
	tsr, err := os.ReadFile(filepath.Join(out, "POP900001", "tsr.xml"))
	if err != nil || !bytes.Contains(tsr, []byte("<StartDate>"+past+"-01</StartDate>")) {
		t.Errorf("%s %v", tsr, err)
	}
	run(0, "1 archived build, all agree", "report", "verify", "--month", past)
	run(0, `"revision":1,`, "report", "archive", "--month", past, "--json")
	run(2, "revision 2", "report", "diff", "--month", past, "--a", "1", "--b", "2")
	run(0, "", "report", "diff", "--month", past, "--a", "1", "--b", "1")
	run(0, "0 exchanges", "report", "rows", "--month", past)
	run(0, "Nothing is due", "report", "status") // the record began this month
	run(0, "", "report", "status", "--done", "dfo", "--month", past)
	run(2, "--done takes dfo", "report", "status", "--done", "tsr", "--month", past)
	run(2, "reporting.spid", "report", "send", "--month", past)
	run(2, "no report of "+this, "report", "send", "--month", this)
}

// Customers are set, imported and exported; the file of an export is one that import takes without a correction.
func TestCustomers(t *testing.T) {
	cfg := quickNode(t)
	file := filepath.Join(t.TempDir(), "customers.csv")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(want int, contains string, args ...string) string {
		t.Helper()
		stdout, stderr, code := call(t, append([]string{"--config", cfg, "customers"}, args...)...)
		if code != want || !strings.Contains(stdout+stderr, contains) {
			t.Errorf("%v: exit %d, want %d and %q:\n%s%s", args, code, want, contains, stdout, stderr)
		}
		return stdout
	}
	run(0, "3 corrections", "set", "7", "--name", "Alpha AS", "--country", "NO", "--participant", "0192:991825827")
	run(0, "1 correction", "set", "7", "--country", "SE")
	run(0, "Alpha AS: 0192:991825827", "list")
	const head = "id,name,country,counts_as,participants\n"
	write("\ufeff" + head + "8,\"Beta, AS\",NO,,0192:810418052 0088:7080000000012\r\n9,Branch,,8,0192:974760673\n")
	run(0, "2 customers, 7 corrections", "import", file)
	write(run(0, "\"Beta, AS\"", "export"))
	run(0, "3 customers, 0 corrections", "import", file)
	for text, want := range map[string]string{
		"":                              "no first line",
		"id,name\n":                     "line 1: want the columns",
		head + "1\n":                    "line 2",
		head + "1,ok,NO,,\n10,x,XX,,\n": `line 3 (customer "10": "XX" is not a country`,
		head + "1,,NO,2,\n2,,NO,1,\n":   "counts as itself",
		head + "1,,NO,,nonsense\n":      "line 2",
	} {
		write(text)
		run(1, want, "import", file)
	}
	run(2, "RAVN-", "import", file+".none")
	run(1, "belongs to no customer", "release", "0192:987654325")
	run(0, "1 correction", "release", "0192:974760673")
	run(0, `participant 0192:974760673 customer "9" → ""`, "history")
	run(0, "", "worklist", "--month", earlier(0))
}

// The reports of a month are sent over AS4, each on its own, and are not counted themselves; a failure of one does not
// stop the other.
func TestReportSend(t *testing.T) {
	n, err := testbed.Start(t.Context(), testbed.Options{Dir: filepath.Join(t.TempDir(), "net"), Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}()
	to, err := peppol.ParseParticipant("9925:be0848934496")
	if err != nil {
		t.Fatal(err)
	}
	serve := func(docType string) {
		t.Helper()
		d, err := peppol.NewDocType(peppol.SchemeBusdox, docType)
		if err != nil {
			t.Fatal(err)
		}
		p, err := peppol.NewProcess(peppol.SchemeProcess, reporting.Process)
		if err != nil {
			t.Fatal(err)
		}
		id, err := n.B.Keys.Current(n.B.Seat, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		n.SMP.Register(smp.Service{Participant: to, DocType: d, Process: p, URL: n.B.URL(), Cert: id.Cert})
		n.SML.Register(to, n.SMP.URL())
		if err := n.B.Store.AddServed(t.Context(), db.DefaultTenant,
			store.Served{Participant: to, DocType: d, Process: p, Domain: "eProcurement"}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(n.A.File)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "reporting: {spid: \"0242:000001\", receiver: \"9925:be0848934496\"}\n"...)
	if err := os.WriteFile(n.A.File, text, 0o600); err != nil {
		t.Fatal(err)
	}
	past := earlier(1)
	for _, args := range [][]string{{"close", "--yes"}, {"build"}} {
		if _, errs, code := call(t, append(append([]string{"--config", n.A.File, "report"}, args...), "--month",
			past)...); code != 0 {
			t.Skipf("the month cannot be closed in its first ten minutes: %s", errs)
		}
	}
	serve(peppol.TypeEUSR) // the TSR is not registered yet
	out, errs, code := call(t, "--config", n.A.File, "report", "send", "--month", past)
	if code != 1 || !strings.Contains(errs, "RAVN-2101") || strings.Count(out, "SENT: the receipt is verified") != 1 {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	serve(peppol.TypeTSR)
	time.Sleep(time.Millisecond) // marks have times
	out, errs, code = call(t, "--config", n.A.File, "report", "send", "--month", past)
	if code != 0 || strings.Contains(out, "eusr") || strings.Count(out, "SENT: the receipt is verified") != 1 {
		t.Errorf("the second time: exit %d: %s%s", code, out, errs)
	}
	if out, errs, code = call(t, "--config", n.A.File, "report", "send", "--month", past); code != 0 ||
		!strings.Contains(out, "everything is sent") {
		t.Errorf("the third time: exit %d: %s%s", code, out, errs)
	}
	if out, _, _ := call(t, "--config", n.A.File, "report", "status"); !strings.Contains(out,
		past+" tsr         POP900001 done") || !strings.Contains(out, past+" eusr        POP900001 done") {
		t.Error(out)
	}
	for _, at := range []*testbed.AccessPoint{n.A, n.B} {
		if out, errs, _ := call(t, "--config", at.File, "report", "preview", "--month",
			earlier(0)); !strings.Contains(out, fmt.Sprintf("%s %s: 0 incoming, 0 outgoing", earlier(0), at.Seat)) {
			t.Errorf("reports are counted: %s%s", out, errs)
		}
	}
}
