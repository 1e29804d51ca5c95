package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/validation"
)

// checkedNode runs a node whose documents are checked by the rules in a folder, or by those built in.
func checkedNode(t *testing.T, pkiDir, seat, rules, outgoing, incoming string) *tested {
	t.Helper()
	more := "validation:\n  outgoing: " + outgoing + "\n  incoming: " + incoming + "\n"
	if rules != "" {
		more += "  rules: " + rules + "\n"
	}
	return runNodeWith(t, nodeFile(t, pkiDir, seat, more), Options{Program: "ravn 1.2.3"})
}

// An invalid document is refused before anything of it is stored; the verdict on a valid one is kept with the message
// on both sides and goes to C4 with the document.
func TestDocumentsAreChecked(t *testing.T) {
	t.Run("built-in rules", func(t *testing.T) { documentsAreChecked(t, "") })
	t.Run("official rules", func(t *testing.T) { documentsAreChecked(t, golden.Shared(t, "rules")) })
}

func documentsAreChecked(t *testing.T, rules string) {
	_, dir := testPKI(t)
	from, to := checkedNode(t, dir, "POP900001", rules, "reject", "off"),
		checkedNode(t, dir, "POP900002", rules, "off", "report")
	to.serve(t, c4, billing, process)
	invoice := golden.Invoice(t)
	submission := func(doc []byte) ap.Submission {
		s := ap.Submission{Open: ap.Bytes(doc), Country: "NO"}
		var err error
		if s.From, err = peppol.ParseParticipant(c1); err != nil {
			t.Fatal(err)
		}
		if s.To, err = peppol.ParseParticipant(c4); err != nil {
			t.Fatal(err)
		}
		return s
	}

	_, _, err := from.Submit(t.Context(), submission(bytes.Replace(invoice, []byte("<cbc:Percent>25<"),
		[]byte("<cbc:Percent>24<"), 1)))
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.DocumentInvalid || !strings.Contains(err.Error(), "BR-S-08") {
		t.Fatalf("an invalid invoice: %v", err)
	}
	if page, err := from.Store.List(t.Context(), db.DefaultTenant, store.Filter{Limit: 1}); err != nil ||
		len(page.Found) > 0 {
		t.Errorf("stored of an invalid invoice: %v %v", page.Found, err)
	}

	m, job, err := from.Submit(t.Context(), submission(invoice))
	if err == nil {
		_, err = from.Attempt(t.Context(), m, job, to.peer())
	}
	if err != nil {
		t.Fatal(err)
	}
	verdict := func(n *tested, b []byte) {
		t.Helper()
		var rep struct{ Verdict, Pack, Program string }
		err := json.Unmarshal(b, &rep)
		if err != nil || rep.Verdict != "valid" || rep.Pack == "" || rep.Program != "ravn 1.2.3" {
			t.Errorf("%s: %s %v", n.Seat, b, err)
		}
	}
	e, err := from.Store.Evidence(t.Context(), db.DefaultTenant, m.ID, store.EvidenceValidation)
	if err != nil {
		t.Fatal(err)
	}
	verdict(from, e.Bytes)
	to.inbox(t, 1)
	page, err := to.Store.List(t.Context(), db.DefaultTenant, store.Filter{Direction: store.In, Limit: 1})
	list := page.Found
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	text, err := os.ReadFile(filepath.Join(to.Config.Path(to.Config.Deliver.Folder), list[0].ID, "metadata.json"))
	if err != nil {
		t.Fatal(err)
	}
	var meta struct{ Validation json.RawMessage }
	if err := json.Unmarshal(text, &meta); err != nil {
		t.Fatal(err)
	}
	verdict(to, meta.Validation)
}

const never = `<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">
<ns prefix="u" uri="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>
<pattern><rule context="/u:Invoice">
<assert id="NEVER" flag="fatal" test="false()">No invoice is right.</assert>
</rule></pattern></schema>`

// installPack writes a pack for invoices that refuses all of them; manifest replaces its description.
func installPack(t *testing.T, dir, name, version, manifest string) {
	t.Helper()
	if manifest == "" {
		manifest = fmt.Sprintf(`{"name": %q, "version": %q, "documents": [{"doctype": %q, "rules": ["r.sch"]}]}`, name,
			version, strings.TrimPrefix(billing, "busdox-docid-qns::"))
	}
	at := filepath.Join(dir, name, version)
	err := errors.Join(os.MkdirAll(at, 0o700), os.WriteFile(filepath.Join(at, "pack.json"), []byte(manifest), 0o600),
		os.WriteFile(filepath.Join(at, "r.sch"), []byte(never), 0o600))
	if err != nil {
		t.Fatal(err)
	}
}

// A pack that cannot be read is an alarm, of the log and of ravn rules alarms: the node starts, documents are checked
// by what is left, and none is refused by rules that the lost ones may have replaced.
func TestUnreadableRulesAreAnAlarm(t *testing.T) {
	_, pkiDir := testPKI(t)
	ends := fmt.Sprintf(`{"name": "bill", "version": "1", "valid_to": "2100-01-01", "documents": [{"doctype": %q, `+
		`"rules": ["r.sch"]}]}`, strings.TrimPrefix(billing, "busdox-docid-qns::"))
	for _, tc := range []struct {
		name     string
		install  func(t *testing.T, dir string)
		refused  bool
		pack     string // of the alarm
		contains string // its text
	}{
		{"all can be read", func(t *testing.T, dir string) { installPack(t, dir, "bill", "1", "") }, true, "", ""},
		{"a version of the pack cannot", func(t *testing.T, dir string) {
			installPack(t, dir, "bill", "1", "")
			installPack(t, dir, "bill", "2", "{")
		}, false, "bill", "ravn rules remove bill 2"},
		{"a version of the pack cannot, another has its last day", func(t *testing.T, dir string) {
			installPack(t, dir, "bill", "1", ends)
			installPack(t, dir, "bill", "2", "{")
		}, true, "bill", "bill/2"},
		{"another pack cannot", func(t *testing.T, dir string) {
			installPack(t, dir, "bill", "1", "")
			installPack(t, dir, "order", "1", `{"name": "order"}`)
		}, true, "order", "do not say which release"},
		{
			"the only pack cannot", func(t *testing.T, dir string) { installPack(t, dir, "bill", "1", "{") }, false,
			"bill", "pack.json",
		},
		{"the folder is none", func(t *testing.T, dir string) {
			if err := os.WriteFile(dir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, false, "", "rules cannot be read"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "rules")
			tc.install(t, dir)
			n := newNodeWith(t, pkiDir, "POP900001", "validation:\n  rules: "+dir+"\n  outgoing: reject\n")
			_, _, err := n.Submit(t.Context(), ap.Submission{
				From: participant(t, c1), To: participant(t, c4),
				Country: "NO", Open: ap.Bytes(golden.Read(t, "rules/peppol-billing/examples/base-example.xml")),
			})
			var f *fault.Error
			if refused := errors.As(err, &f) && f.Code == fault.DocumentInvalid; refused != tc.refused ||
				!refused && err != nil {
				t.Errorf("refused %v: %v", refused, err)
			}
			alarms, err := RuleAlarms(t.Context(), n.Store, n.packs, n.unreadable, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			var found []validation.Alarm
			for _, a := range alarms {
				if a.Kind == validation.AlarmUnreadable {
					found = append(found, a)
				}
			}
			if tc.contains == "" {
				if len(found) > 0 {
					t.Errorf("alarms: %+v", found)
				}
				return
			}
			if len(found) != 1 || found[0].Pack != tc.pack || !strings.Contains(found[0].Text, tc.contains) {
				t.Errorf("alarms: %+v", found)
			}
			if l := n.await(t, found[0].Text, 1)[0]; l["level"] != "error" || l["alarm"] != "unreadable" ||
				l["pack"] != tc.pack {
				t.Errorf("log: %v", l)
			}
		})
	}
}

// validation.no_rules decides about a submission that cannot be checked: reject records nothing, accept sends it with a
// report that says so (design.md §3).
func TestNoRules(t *testing.T) {
	_, dir := testPKI(t)
	const unknown = `<Parcel xmlns="urn:x"/>`
	submission := ap.Submission{
		From: participant(t, c1), To: participant(t, c4), Country: "NO",
		Open: ap.Bytes([]byte(unknown)),
	}
	var err error
	if submission.DocType, err = peppol.ParseDocType("urn:x::Parcel##urn:x::1"); err != nil {
		t.Fatal(err)
	}
	if submission.Process, err = peppol.ParseProcess("urn:p"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		outgoing, noRules string
		refused           bool
	}{
		{"report", "reject", true},
		{"reject", "reject", true},
		{"report", "accept", false},
		{"reject", "accept", false},
		{"off", "reject", false},
	} {
		n := newNodeWith(t, dir, "POP900001", "validation:\n  outgoing: "+tc.outgoing+"\n  no_rules: "+tc.noRules+"\n")
		m, _, err := n.Submit(t.Context(), submission)
		var f *fault.Error
		if refused := errors.As(err, &f) && f.Code == fault.DocumentUnchecked; refused != tc.refused ||
			!refused && err != nil {
			t.Errorf("%s, %s: %v", tc.outgoing, tc.noRules, err)
		}
		counts, err := n.Store.Counts(t.Context(), db.DefaultTenant)
		if err != nil || (len(counts) == 0) != tc.refused {
			t.Errorf("%s, %s: on record %+v, %v", tc.outgoing, tc.noRules, counts, err)
		}
		if tc.refused || tc.outgoing == "off" {
			continue
		}
		e, err := n.Store.Evidence(t.Context(), db.DefaultTenant, m.ID, store.EvidenceValidation)
		if err != nil || !strings.Contains(string(e.Bytes), `"verdict":"error"`) {
			t.Errorf("the report that was kept: %s, %v", e.Bytes, err)
		}
	}
}
