package accounts

import (
	"bytes"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/reporting"
)

// model keeps what was exchanged and who the customers are, in lists, and knows nothing of terms, ledgers and counts.
type model struct {
	exchanged []exchanged
	owner     map[string]string // participant to customer
	country   map[string]string // of customers
}

type exchanged struct {
	item        reporting.Item
	participant string
}

// items are the exchanges as they are reported by the customers of now, in any order.
func (m *model) items(rnd *rand.Rand) iter.Seq2[reporting.Item, error] {
	return func(yield func(reporting.Item, error) bool) {
		for _, i := range rnd.Perm(len(m.exchanged)) {
			x := m.exchanged[i]
			it := x.item
			customer, owned := m.owner[strings.ToLower(x.participant)]
			it.EndUser = "p " + strings.ToLower(x.participant)
			if owned {
				it.EndUser = "c " + customer
			}
			if it.Direction == reporting.Incoming {
				it.C4Country = m.country[customer]
			}
			if !yield(it, nil) {
				return
			}
		}
	}
}

// TestRandomMonths: whatever is exchanged, added up, corrected and looked at in whatever order, counts and rows come to
// what reporting makes of a plain list.
func TestRandomMonths(t *testing.T) {
	rnd := golden.Random(t)
	for range 4 {
		w := newWorld(t)
		w.set("2026-10-01T00:00:00Z")
		m := &model{owner: map[string]string{}, country: map[string]string{"": ""}}
		pick := func(prefix string, n int) string { return fmt.Sprint(prefix, rnd.IntN(n)) }
		for n := range 120 {
			switch rnd.IntN(8) {
			case 0:
				w.must(w.UpdateTotals(t.Context()))
			case 1:
				_, err := w.Ledger.Post(t.Context(), w.Tenant)
				w.must(err)
			case 2:
				_, err := w.Preview(t.Context(), october)
				w.must(err)
			case 3:
				c := Customer{
					ID: pick("c", 4), Country: []string{"NO", "SE", "DK"}[rnd.IntN(3)],
					Participants: []string{"0192:" + pick("Part", 8)},
				}
				_, err := w.Replace(t.Context(), "op", []Customer{c})
				w.must(err)
				m.country[c.ID], m.owner[strings.ToLower(c.Participants[0])] = c.Country, c.ID
			default:
				m.exchange(w, rnd, n, pick)
			}
		}
		want, err := reporting.Build(reporting.Header{Month: october, Seat: own, Preview: true}, m.items(rnd))
		w.must(err)
		worker, err := w.currentWorker(t.Context(), october)
		w.must(err)
		for name, src := range map[string]source{"counts": worker.counts(october), "rows": worker.rows(october)} {
			pairs, err := worker.pairs(october, src, true)
			w.must(err)
			if len(pairs) != 1 || !bytes.Equal(pairs[0].Report.TSR.XML(), want.TSR.XML()) ||
				!bytes.Equal(pairs[0].Report.EUSR.XML(), want.EUSR.XML()) {
				t.Fatalf("%s: %d exchanges come to\n%s%s\nwant\n%s%s", name, len(m.exchanged),
					pairs[0].Report.TSR.XML(), pairs[0].Report.EUSR.XML(), want.TSR.XML(), want.EUSR.XML())
			}
		}
		v, err := w.Verify(t.Context(), october)
		w.must(err)
		if len(v.Wrong) > 0 || v.Rows != int64(len(m.exchanged)) {
			t.Errorf("%+v", v)
		}
	}
}

// exchange lets the world and the model take part in an exchange.
func (m *model) exchange(w *world, rnd *rand.Rand, n int, pick func(string, int) string) {
	w.Helper()
	at := w.now.Add(time.Hour).Format(time.RFC3339)
	participant := "0192:" + pick("Part", 8)
	if rnd.IntN(2) == 0 {
		participant = strings.ToLower(participant) // the same to the registry
	}
	doc, peer := []string{inv, cn, ord, mls}[rnd.IntN(4)], peppol.SeatID(pick("PNO00000", 3))
	c1 := []string{"NO", "SE", "EL"}[rnd.IntN(3)]
	it := reporting.Item{
		DocType:   reporting.Identifier{Scheme: peppol.SchemeBusdox, Value: doc},
		Process:   reporting.Identifier{Scheme: peppol.SchemeProcess, Value: processes[doc]},
		Transport: peppol.TransportAS4, N: 1,
	}
	if rnd.IntN(2) == 0 {
		c1 = []string{c1, "", "XX"}[rnd.IntN(3)]
		it.Direction, it.C2, it.C3, it.C1Country = reporting.Incoming, peer, own, c1
		a := w.received(at, peer, doc, participant, c1)
		if n%5 == 0 { // again
			if _, err := w.Store.Accept(w.Context(), w.Tenant, a); err == nil {
				w.Error("a repeat was accepted")
			}
		}
	} else {
		it.Direction, it.C2, it.C3, it.C1Country = reporting.Outgoing, own, peer, c1
		out := acknowledged
		if n%7 == 0 {
			out = refused
		}
		w.sent(at, peer, doc, participant, c1, out)
		if out.State != store.Sent {
			return
		}
	}
	m.exchanged = append(m.exchanged, exchanged{it, participant})
}
