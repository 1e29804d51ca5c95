package reporting

import (
	"fmt"
	"math"
	"slices"
)

// Check returns the rules of the Transaction Statistics Report 1.0.5 (RPT-7.1) that the report breaks, in our own
// words. The schema is not checked again: ReadTSR did.
func (t *TSR) Check() []Finding {
	c := &checker{prefix: "SCH-TSR", root: "TransactionStatisticsReport"}
	c.top(&t.Top, customTSR, [8]int{1, 2, 40, 41, 42, 16, 17, 18})
	types := make([]string, len(t.Subtotals))
	for i := range t.Subtotals {
		types[i] = trim(t.Subtotals[i].Type)
	}
	t.checkSums(c, types)
	transports, providers, countries := unique{}, unique{}, unique{}
	for i, typ := range types {
		switch keys := t.Subtotals[i].Keys; typ {
		case perTP:
			transports.countPart(withMeta(keys, metaTP))
		case perSPDTPR:
			providers.countPart(providerKeys(keys)...)
		case perSPDTPRCC:
			countries.countPart(countriesKeys(keys)...)
		}
	}
	for i, typ := range types {
		s, at := &t.Subtotals[i], fmt.Sprintf("/Subtotal[%d]", i+1)
		c.tsrKeys(s.Keys, at)
		switch typ {
		case perTP:
			c.perTP(s, at, transports)
		case perSPDTPR:
			c.perProvider(s, at, providers)
		case perSPDTPRCC:
			c.perCountries(s, at, countries)
		default:
			c.must(false, 37, at, "There is no such type of subtotal.")
		}
	}
	return c.list
}

// checkSums compares the totals with what the subtotals of each type add up to.
func (t *TSR) checkSums(c *checker, types []string) {
	sums := map[string]*Counts{perTP: {}, perSPDTPR: {}, perSPDTPRCC: {}}
	known := true
	for i, typ := range types {
		if s := sums[typ]; s != nil {
			s.Incoming = sum(s.Incoming, t.Subtotals[i].Incoming)
			s.Outgoing = sum(s.Outgoing, t.Subtotals[i].Outgoing)
		} else {
			known = false
		}
	}
	some, in := t.Total != Counts{}, t.Total.Incoming > 0
	has := func(typ string) bool { return slices.Contains(types, typ) }
	tp, provider, countries := *sums[perTP], *sums[perSPDTPR], *sums[perSPDTPRCC]
	c.must(!some || has(perTP), 3, "", "The subtotals per transport protocol are missing.")
	c.must(!some || tp.Incoming == t.Total.Incoming, 4, "", "The incoming of PerTP does not add up to the total.")
	c.must(!some || tp.Outgoing == t.Total.Outgoing, 5, "", "The outgoing of PerTP does not add up to the total.")
	c.must(!some || has(perSPDTPR), 7, "", "The subtotals per service provider, document type and process are missing.")
	c.must(!some || provider.Incoming == t.Total.Incoming, 8, "",
		"The incoming of PerSP-DT-PR does not add up to the total.")
	c.must(!some || provider.Outgoing == t.Total.Outgoing, 9, "",
		"The outgoing of PerSP-DT-PR does not add up to the total.")
	c.must(!in || has(perSPDTPRCC), 11, "", "The subtotals with sender and receiver country are missing.")
	c.must(!in || countries.Incoming == t.Total.Incoming, 12, "",
		"The incoming of PerSP-DT-PR-CC does not add up to the total.")
	c.must(known, 39, "", "There are subtotals of a type that does not exist.")
}

// sum adds two numbers of a report that somebody else wrote: what is more than 64 bits becomes the largest number,
// instead of wrapping around to one that fits by chance.
func sum(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}

// tsrKeys checks the values of keys.
func (c *checker) tsrKeys(keys []Key, at string) {
	for i, k := range keys {
		at := fmt.Sprintf("%s/Key[%d]", at, i+1)
		switch trim(k.Scheme) {
		case schemeSeat:
			c.must(isSeat(k.Value), 19, at, "The service provider must be a seat id: P, two letters, six digits.")
		case schemeSender, schemeReceiver:
			c.must(inList(k.Value, unknown), 20, at, "The country is not in ISO 3166-1.")
		}
	}
}

func (c *checker) perTP(s *Subtotal, at string, u unique) {
	tp := withMeta(s.Keys, metaTP)
	c.must(u.holds(tp), 6, at, "Each transport protocol has one subtotal.")
	c.must(len(s.Keys) == 1, 21, at, "The subtotal has one key.")
	c.must(len(tp) == 1, 22, at, "There must be one key for the transport protocol (TP).")
	c.must(len(withScheme(s.Keys, schemeTP)) == 1, 23, at, "The scheme of the transport protocol must be Peppol.")
}

func (c *checker) perProvider(s *Subtotal, at string, u unique) {
	c.must(u.holds(providerKeys(s.Keys)...), 10, at,
		"Each combination of service provider, document type and process has one subtotal.")
	c.must(len(s.Keys) == 3, 24, at, "The subtotal has three keys.")
	c.provider(s, at, [4]int{25, 26, 27, 28})
}

func (c *checker) perCountries(s *Subtotal, at string, u unique) {
	c.must(u.holds(countriesKeys(s.Keys)...), 14, at,
		"Each combination of service provider, document type, process and countries has one subtotal.")
	c.must(len(s.Keys) == 5, 29, at, "The subtotal has five keys.")
	c.provider(s, at, [4]int{30, 31, 32, 34})
	cc := withMeta(s.Keys, metaCC)
	c.must(len(cc) == 2, 33, at, "There must be two keys for countries (CC).")
	c.must(len(withScheme(cc, schemeSender)) == 1, 35, at, "There must be one sender country.")
	c.must(len(withScheme(cc, schemeReceiver)) == 1, 36, at, "There must be one receiver country.")
	c.must(s.Outgoing == 0, 43, at, "With countries only what came in is reported; the outgoing number must be 0.")
}

// provider checks the keys that two types have in common; n are the numbers of the rules.
func (c *checker) provider(s *Subtotal, at string, n [4]int) {
	sp := withMeta(s.Keys, metaSP)
	c.must(len(sp) == 1, n[0], at, "There must be one key for the service provider (SP).")
	c.must(len(withMeta(s.Keys, metaDT)) == 1, n[1], at, "There must be one key for the document type (DT).")
	c.must(len(withMeta(s.Keys, metaPR)) == 1, n[2], at, "There must be one key for the process (PR).")
	c.must(len(withScheme(sp, schemeSeat)) == len(sp), n[3], at,
		"The scheme of the service provider must be "+schemeSeat+".")
}

func providerKeys(keys []Key) [][]Key {
	return [][]Key{withMeta(keys, metaSP), withMeta(keys, metaDT), withMeta(keys, metaPR)}
}

func countriesKeys(keys []Key) [][]Key {
	cc := withMeta(keys, metaCC)
	return append(providerKeys(keys), withScheme(cc, schemeSender), withScheme(cc, schemeReceiver))
}
