package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

// checkedNode runs a node whose documents are checked by the rules in a folder, or by those built in.
func checkedNode(t *testing.T, pkiDir, seat, rules, outgoing, incoming string) *tested {
	t.Helper()
	more := "validation:\n  outgoing: " + outgoing + "\n  incoming: " + incoming + "\n"
	if rules != "" {
		more += "  rules: " + rules + "\n"
	}
	return newNodeWith(t, pkiDir, seat, more)
}

// An invalid document is refused before anything of it is stored; the verdict on a valid one is kept with the message on both
// sides and goes to C4 with the document.
func TestDocumentsAreChecked(t *testing.T) {
	t.Run("built-in rules", func(t *testing.T) { documentsAreChecked(t, "") })
	t.Run("official rules", func(t *testing.T) { documentsAreChecked(t, golden.Shared(t, "rules")) })
}

func documentsAreChecked(t *testing.T, rules string) {
	_, dir := testPKI(t)
	from, to := checkedNode(t, dir, "POP900001", rules, "reject", "off"), checkedNode(t, dir, "POP900002", rules, "off", "report")
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

	_, _, err := from.Submit(t.Context(), submission(bytes.Replace(invoice, []byte("<cbc:Percent>25<"), []byte("<cbc:Percent>24<"), 1)))
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.DocumentInvalid || !strings.Contains(err.Error(), "BR-S-08") {
		t.Fatalf("an invalid invoice: %v", err)
	}
	if list, err := from.Store.List(t.Context(), store.DefaultTenant, store.Filter{Limit: 1}); err != nil || len(list) > 0 {
		t.Errorf("stored of an invalid invoice: %v %v", list, err)
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
		var rep struct{ Verdict, Pack string }
		if err := json.Unmarshal(b, &rep); err != nil || rep.Verdict != "valid" || rep.Pack == "" {
			t.Errorf("%s: %s %v", n.Seat, b, err)
		}
	}
	e, err := from.Store.Evidence(t.Context(), store.DefaultTenant, m.ID, store.EvidenceValidation)
	if err != nil {
		t.Fatal(err)
	}
	verdict(from, e.Bytes)
	to.inbox(t, 1)
	list, err := to.Store.List(t.Context(), store.DefaultTenant, store.Filter{Direction: store.In, Limit: 1})
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
