package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/testbed"
	dnstest "github.com/ravn-ap/ravn/testbed/sml"
	smptest "github.com/ravn-ap/ravn/testbed/smp"
)

// movingNode is a node for whose registers the receiver of the demo is known to the SML and not to the SMP.
func movingNode(t *testing.T) string {
	t.Helper()
	pki, err := localca.Shared()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := pki.SMP.Issue(localca.Leaf{CN: "PNO000001"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	zone, err := dnstest.New("sml.testbed.example", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = zone.Close() })
	metadata, err := smptest.New(smptest.Options{Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = metadata.Close() })
	receiver, err := peppol.ParseParticipant(testbed.Receiver)
	if err != nil {
		t.Fatal(err)
	}
	zone.Register(receiver, metadata.URL())
	file := quickNode(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = fmt.Appendf(text, "discovery:\n  zone: %s\n  resolver: %s\nsend:\n  hold: 48h\n", zone.Zone(), zone.Addr())
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// DISC-067: an operator sees a message that is held: when it is sent, in the queue, and when the receiver is looked up.
func TestDISC067HeldIsSeen(t *testing.T) {
	file := movingNode(t)
	invoice := filepath.Join(t.TempDir(), "invoice.xml")
	if err := os.WriteFile(invoice, testbed.Invoice, 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := call(t, "--config", file, "send", "--from", testbed.Sender, "--to", testbed.Receiver,
		"--country", "NO", invoice)
	if code != 3 || !strings.Contains(out, "RETRY_WAIT") || !strings.Contains(errs, "RAVN-2106") ||
		!strings.Contains(errs, "held until ") {
		t.Fatalf("send: exit %d: %s%s", code, out, errs)
	}

	out, errs, code = call(t, "--config", file, "--json", "queue", "list")
	var row documents.Work
	if err := json.Unmarshal([]byte(out), &row); err != nil || code != 0 {
		t.Fatalf("queue: exit %d, %v: %s%s", code, err, out, errs)
	}
	if row.Due.Sub(row.Moving).Round(time.Second) != 15*time.Minute || row.State != "RETRY_WAIT" {
		t.Errorf("queue: %s", out)
	}
	if out, _, _ := call(t, "--config", file, "queue", "list"); !strings.Contains(out,
		"in no SMP since "+row.Moving.Format(time.RFC3339)+", looked up until "+
			row.Moving.Add(48*time.Hour).Format(time.RFC3339)) {
		t.Errorf("queue: %s", out)
	}

	for _, more := range [][]string{nil, {"--doctype", testbed.DocType, "--process", testbed.Process}} {
		args := append([]string{"--config", file, "--json", "lookup", testbed.Receiver}, more...)
		out, _, code = call(t, args...)
		var got struct {
			Registered, Certain, Moving bool
			Code, Error                 string
			Held                        []string `json:"held_messages"`
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != 3 || got.Registered || got.Certain ||
			!got.Moving || got.Code != "RAVN-2106" {
			t.Errorf("lookup %v: exit %d, %v: %s", more, code, err, out)
		}
		if !slices.Equal(got.Held, []string{row.ID}) {
			t.Errorf("lookup %v: held %v, want %s", more, got.Held, row.ID)
		}
	}
	out, _, code = call(t, "--config", file, "--json", "lookup", testbed.Sender)
	if code != 1 || !strings.Contains(out, `"certain":true`) || !strings.Contains(out, `"moving":false`) {
		t.Errorf("lookup of one who is not registered: exit %d: %s", code, out)
	}
	if out, errs, code := call(t, "--config", file, "queue", "cancel", row.ID, "--reason", "sent by post"); code != 0 ||
		!strings.Contains(out, "CANCELLED") {
		t.Errorf("cancel: exit %d: %s%s", code, out, errs)
	}
}
