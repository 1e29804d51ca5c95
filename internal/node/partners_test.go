package node

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sbdh"
	"github.com/ravn-ap/ravn/smp"
	dnstest "github.com/ravn-ap/ravn/testbed/sml"
	smptest "github.com/ravn-ap/ravn/testbed/smp"
)

// registers is an SML zone and an SMP with the receiver c4.
type registers struct {
	sml *dnstest.Server
	smp *smptest.Server
	d   peppol.DocTypeID
	p   peppol.ProcessID
}

func newRegisters(t *testing.T) *registers {
	t.Helper()
	pki, err := localca.Shared()
	if err != nil {
		t.Fatal(err)
	}
	signer, err1 := pki.SMP.Issue(localca.Leaf{CN: "PNO000001"}, time.Now())
	accessPoint, err2 := pki.AP.Issue(localca.Leaf{CN: "POP900002"}, time.Now())
	r := &registers{}
	var errs [4]error
	r.sml, errs[0] = dnstest.New("sml.testbed.example", "")
	r.smp, errs[1] = smptest.New(smptest.Options{Signer: signer})
	r.d, errs[2] = peppol.ParseDocType(billing)
	r.p, errs[3] = peppol.ParseProcess(process)
	if err := errors.Join(err1, err2, errors.Join(errs[:]...)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.sml.Close(), r.smp.Close() })
	who := participant(t, c4)
	r.sml.Register(who, r.smp.URL())
	r.smp.Register(smptest.Service{
		Participant: who, DocType: r.d, Process: r.p, URL: "https://localhost:9443/as4",
		Cert: accessPoint.Cert,
	})
	return r
}

// Canary, deny list and old canonicalization are reached by configuration: DISC-049, SEC-111, DISC-086.
func TestDISC049PartnersByConfiguration(t *testing.T) {
	_, pki := testPKI(t)
	r := newRegisters(t)
	find := func(t *testing.T, more, who string) smp.Reason {
		t.Helper()
		zone := "discovery:\n  zone: " + r.sml.Zone() + "\n  resolver: " + r.sml.Addr() + "\n"
		h := openHolder(t, nodeFile(t, pki, "POP900001", zone+more), nil, time.Now())
		defer func() { _ = h.Close() }()
		guard, err := h.Config.Guard(nil)
		if err != nil {
			t.Fatal(err)
		}
		_, dir := h.network(guard, nil)
		_, err = dir.Endpoint(t.Context(), participant(t, who), r.d, r.p)
		var se *smp.Error
		if errors.As(err, &se) {
			return se.Reason
		}
		return ""
	}
	const elsewhere = "0192:986252932"
	for _, tc := range []struct {
		name, more, who string
		behaviour       smptest.Behaviour
		want            smp.Reason
	}{
		{"found", "", c4, smptest.Behaviour{}, ""},
		{"a canary that is there", "  canary: " + c4 + "\n", elsewhere, smptest.Behaviour{}, smp.NoParticipant},
		{"a canary that is missing", "  canary: " + c1 + "\n", elsewhere, smptest.Behaviour{}, smp.DNSFailure},
		{"exclusive canonicalization", "", c4, smptest.Behaviour{Exclusive: true}, smp.BadSignature},
		{
			"exclusive canonicalization, allowed", "  old_canonicalization: true\n", c4,
			smptest.Behaviour{Exclusive: true},
			"",
		},
		{"the SMP on the deny list", "network:\n  deny: [127.0.0.1]\n", c4, smptest.Behaviour{}, smp.Forbidden},
		{"others on the deny list", "network:\n  deny: [127.0.0.2, '198.51.100.0/24']\n", c4, smptest.Behaviour{}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r.smp.Behave(tc.behaviour)
			if got := find(t, tc.more, tc.who); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// SBDH-027: the exception for document types with the whole identifier in Standard is a key of the configuration, for
// envelopes on their way in and for those that C1 hands in.
func TestSBDH027ByConfiguration(t *testing.T) {
	_, pki := testPKI(t)
	h := &sbdh.Header{
		Sender: participant(t, c1), Receiver: participant(t, c4), CountryC1: "NO", InstanceID: "i-1",
		Created: "2026-01-01T00:00:00Z",
	}
	var err, perr error
	h.DocType, err = peppol.ParseDocType(billing)
	h.Process, perr = peppol.ParseProcess(process)
	var sbd bytes.Buffer
	if err := errors.Join(err, perr, sbdh.Wrap(&sbd, h, bytes.NewReader(golden.Invoice(t)))); err != nil {
		t.Fatal(err)
	}
	const short = "<sh:Standard>urn:oasis:names:specification:ubl:schema:xsd:Invoice-2<"
	full := strings.Replace(sbd.String(), short, "<sh:Standard>"+h.DocType.Value()+"<", 1)
	if full == sbd.String() {
		t.Fatal("the envelope has no Standard")
	}
	for more, allowed := range map[string]bool{
		"": false,
		"sbdh:\n  full_standard:\n  - " + strings.Replace(billing, "Invoice", "CreditNote", 2) + "\n": false,
		"sbdh:\n  full_standard:\n  - " + billing + "\n":                                              true,
	} {
		n := openHolder(t, nodeFile(t, pki, "POP900001", more), nil, time.Now())
		_, _, err := n.Submit(t.Context(), ap.Submission{Open: ap.Bytes([]byte(full))})
		if allowed && err != nil || !allowed && codeOf(err) != fault.EnvelopeInvalid {
			t.Errorf("%q: handed in: %v", more, err)
		}
		if err := n.Listen(); err != nil {
			t.Fatal(err)
		}
		if got := n.Receiver().Standard(h.DocType); got != allowed {
			t.Errorf("%q: received: %t", more, got)
		}
		_ = n.Close()
	}
}
