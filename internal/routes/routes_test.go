package routes

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

const (
	invoice = "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:cen.eu:en16931:" +
		"2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
	order = "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:Order-2::Order##urn:fdc:peppol.eu:poacc:" +
		"trns:order:3::2.1"
	billing = "cenbii-procid-ubl::urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
)

var doc = Document{
	Tenant: "default", Receiver: "0192:810418052", Sender: "0192:991825827", DocType: invoice, Process: billing,
	Domain: "eProcurement", C2: "POP000321",
}

// OPS-002: members that are left out are for all, * stands for any characters, and case counts as in identifiers of the
// kind.
func TestOPS002Match(t *testing.T) {
	for _, tc := range []struct {
		match Match
		want  bool
	}{
		{Match{}, true},
		{Match{Receiver: "0192:810418052"}, true},
		{Match{Receiver: "iso6523-actorid-upis::0192:810418052"}, true},
		{Match{Receiver: "0192:*"}, true},
		{Match{Receiver: "iso6523-actorid-upis::0192:*"}, true},
		{Match{Receiver: "*052"}, true},
		{Match{Receiver: "0192:81041805"}, false},
		{Match{Receiver: "0192:*3"}, false},
		{Match{Sender: "0192:991825827"}, true},
		{Match{Sender: "0192:810418052"}, false},
		{Match{DocType: invoice}, true},
		{Match{DocType: strings.TrimPrefix(invoice, "busdox-docid-qns::")}, true},
		{Match{DocType: "*::Invoice##*"}, true},
		{Match{DocType: "urn:oasis:*Invoice-2::*"}, true},
		{Match{DocType: "peppol-doctype-wildcard::*"}, false},
		{Match{DocType: "*::invoice##*"}, false}, // DISC-014
		{Match{Process: billing}, true},
		{Match{Process: "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"}, true},
		{Match{Process: "urn:fdc:*:billing:*"}, true},
		{Match{Process: "urn:fdc:peppol.eu:2017:poacc:billing:01:1.1"}, false},
		{Match{C2: "POP000321"}, true},
		{Match{C2: "POP*"}, true},
		{Match{C2: "pop000321"}, false},
		{Match{Tenant: "default"}, true},
		{Match{Tenant: "acme"}, false},
		{Match{Domain: "eProcurement"}, true},
		{Match{Domain: "eGov"}, false},
		{Match{Receiver: "0192:810418052", Tenant: "acme"}, false},
		{Match{Receiver: "0192:810418052", DocType: "*::Invoice##*", C2: "*"}, true},
	} {
		if _, ok := Compile([]Route{{Match: tc.match}}).Find(doc); ok != tc.want {
			t.Errorf("%+v: %t", tc.match, ok)
		}
	}
	upper := doc
	upper.Receiver = "9930:DE123"
	for _, text := range []string{"9930:de123", "9930:DE*", "9930:dE123"} { // DISC-003
		if _, ok := Compile([]Route{{Match: Match{Receiver: text}}}).Find(upper); !ok {
			t.Errorf("%s is not 9930:DE123", text)
		}
	}
}

// random makes a list with few values, so that routes overlap.
func random(r *rand.Rand, n int) (list []Route) {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	for i := range n {
		list = append(list, Route{Name: fmt.Sprint("r", i), Match: Match{
			Tenant:   pick("", "", "", "default", "acme", "*"),
			Receiver: pick("", "", "0192:810418052", "0192:*", "*2", "0192:1"),
			Sender:   pick("", "", "", "0192:991825827", "*"),
			DocType:  pick("", "", invoice, order, "*::Invoice##*", "*::2.1"),
			Process:  pick("", "", "", billing),
			C2:       pick("", "", "", "POP000321", "POP*"),
		}})
	}
	return list
}

// OPS-002: the first route that matches counts, however the table finds it; what never counts is named.
func TestOPS002FirstMatchWins(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	unreached := 0
	for range 500 {
		list := random(r, 1+r.IntN(12))
		table := Compile(list)
		taken := map[string]bool{}
		for range 30 {
			d := doc
			if r.IntN(2) == 0 {
				d.DocType = order
			}
			d.Receiver = [...]string{doc.Receiver, "0192:1", "0088:2", "0192:7"}[r.IntN(4)]
			d.Tenant = [...]string{"default", "acme", "beta"}[r.IntN(3)]
			want := slices.IndexFunc(list, func(x Route) bool {
				_, ok := Compile([]Route{x}).Find(d)
				return ok
			})
			got, ok := table.Find(d)
			if ok != (want >= 0) || ok && got.Name != list[want].Name {
				t.Fatalf("of %+v: %s, want the one at %d", list, got.Name, want)
			}
			if passed := len(table.Why(d)); ok && passed != want || !ok && passed != len(list) {
				t.Fatalf("%d routes were passed before %d", passed, want)
			}
			if ok && !table.Could(Document{Receiver: d.Receiver, DocType: d.DocType}) {
				t.Fatalf("there can be no route for %+v", d)
			}
			taken[got.Name] = true
		}
		table.Unreached(func(i, earlier int) {
			unreached++
			if earlier >= i || taken[list[i].Name] {
				t.Errorf("%+v is taken, in spite of %+v", list[i], list[earlier])
			}
		})
	}
	if unreached < 100 {
		t.Errorf("%d routes were found to be unreached", unreached)
	}
}

func TestOPS002Unreached(t *testing.T) {
	for _, tc := range []struct {
		first, then Match
		want        bool
	}{
		{Match{}, Match{Receiver: "0192:1"}, true},
		{Match{Receiver: "0192:*"}, Match{Receiver: "0192:1*"}, true},
		{Match{Receiver: "0192:1*"}, Match{Receiver: "0192:*"}, false},
		{Match{Receiver: "0192:1"}, Match{Receiver: "0192:1", Tenant: "acme"}, true},
		{Match{Receiver: "0192:1", Tenant: "acme"}, Match{Receiver: "0192:1"}, false},
		{Match{DocType: "*::Invoice##*"}, Match{DocType: invoice}, true},
		{Match{DocType: "*"}, Match{}, true},
		{Match{Receiver: "0192:aB"}, Match{Receiver: "0192:Ab"}, true},
	} {
		found := false
		Compile([]Route{{Match: tc.first}, {Match: tc.then}}).Unreached(func(i, j int) { found = i == 1 && j == 0 })
		if found != tc.want {
			t.Errorf("%+v, then %+v: %t", tc.first, tc.then, found)
		}
	}
}

func TestOPS002MatchIsChecked(t *testing.T) {
	for want, m := range map[string]Match{
		"":              {Receiver: "0192:1", Sender: "*", DocType: invoice, Process: billing, C2: "POP000001"},
		"receiver":      {Receiver: "192:1"},
		"sender":        {Sender: "other-scheme::*"},
		"document_type": {DocType: "Invoice"},
		"process":       {Process: "a b"},
		"c2":            {C2: "pop1"},
		"domain":        {Domain: strings.Repeat("*", 21)},
	} {
		got := ""
		m.Check(func(name, _ string) { got += name })
		if got != want {
			t.Errorf("%+v: %q, want %q", m, got, want)
		}
	}
}

// many is the worst that a table may be: no route names anything exactly, and the last one is that of the document.
func many() *Table {
	list := make([]Route, Most)
	for i := range list {
		list[i] = Route{Name: fmt.Sprint(i), Match: Match{Receiver: fmt.Sprintf("*:%d*", i), DocType: "*::Order##*"}}
	}
	list[Most-1].Match = Match{DocType: "*::Invoice##*"}
	return Compile(list)
}

// exactly has a route for each of as many receivers.
func exactly() *Table {
	list := make([]Route, Most)
	for i := range list {
		list[i] = Route{Name: fmt.Sprint(i), Match: Match{Receiver: fmt.Sprintf("0192:%d", 810_418_052-Most+1+i)}}
	}
	return Compile(list)
}

// OPS-003: of the routes for one receiver each, a lookup compares a document with those of its receiver only, however
// many others there are, and with those that name nothing exactly.
func TestOPS003LookupIsBounded(t *testing.T) {
	for name, table := range map[string]*Table{"patterns": many(), "receivers": exactly()} {
		if r, ok := table.Find(doc); !ok || r.Name != fmt.Sprint(Most-1) {
			t.Errorf("%s: %q, %t", name, r.Name, ok)
		}
	}
	table := exactly()
	if got := table.filed[receiver][doc.Receiver]; !slices.Equal(got, []int{Most - 1}) || len(table.rest) > 0 {
		t.Errorf("a document is compared with %v and %d others", got, len(table.rest))
	}
}

func BenchmarkFind(b *testing.B) {
	for name, table := range map[string]*Table{"10000 patterns": many(), "10000 receivers": exactly()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				table.Find(doc)
			}
		})
	}
}
