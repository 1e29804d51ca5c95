package reporting

import (
	"fmt"
	"slices"
)

// Check returns the rules of the End User Statistics Report 1.1.5 (RPT-7.2) that the report breaks, in our own words.
// The schema is not checked again: ReadEUSR did.
func (e *EUSR) Check() []Finding {
	c := &checker{prefix: "SCH-EUSR", root: "EndUserStatisticsReport"}
	c.top(&e.Top, customEUSR, [8]int{1, 2, 16, 17, 18, 6, 7, 8})
	types := make([]string, len(e.Subsets))
	for i := range e.Subsets {
		types[i] = trim(e.Subsets[i].Type)
	}
	e.checkFull(c, types)
	e.checkNumbers(c)
	// All subsets are counted before any is checked: that a combination occurs twice is an error of both.
	same := map[string]unique{perDTPR: {}, perDTPREUC: {}, perDTEUC: {}, perEUC: {}}
	for i, typ := range types {
		if u := same[typ]; u != nil {
			u.countPart(subsetKeys(typ, e.Subsets[i].Keys)...)
		} else {
			c.mustOnce(14, "There are subsets of a type that does not exist.")
		}
	}
	for i, typ := range types {
		keys, at := e.Subsets[i].Keys, fmt.Sprintf("/Subset[%d]", i+1)
		c.eusrKeys(keys, at)
		if u := same[typ]; u != nil {
			c.subset(typ, keys, at, u.holds(subsetKeys(typ, keys)...))
		}
	}
	return c.list
}

// checkFull checks the full set, and that each type of subset is there and no larger.
func (e *EUSR) checkFull(c *checker, types []string) {
	full := e.FullSet
	var most Users
	for i := range e.Subsets {
		s := e.Subsets[i].Users
		most = Users{max(most.Sending, s.Sending), max(most.Receiving, s.Receiving), max(most.Either, s.Either)}
	}
	nobody, any := full.Sending == 0 && full.Receiving == 0, len(types) > 0
	c.must(nobody || any && most.Sending <= full.Sending, 3, "", "A subset has more sending end users than there are.")
	c.must(nobody || any && most.Receiving <= full.Receiving, 4, "",
		"A subset has more receiving end users than there are.")
	c.must(nobody || any && most.Either <= full.Either, 22, "", "A subset has more end users than there are.")
	c.must(full.atMostSum(), 19, "",
		"There are more end users that send or receive than senders and receivers together.")
	c.must(full.Sending <= full.Either, 20, "", "There are more end users that send than that send or receive.")
	c.must(full.Receiving <= full.Either, 21, "", "There are more end users that receive than that send or receive.")
	has := func(typ string) bool { return slices.Contains(types, typ) }
	c.must(nobody || has(perDTPR), 15, "", "The subsets per document type and process are missing.")
	c.must(nobody || has(perDTEUC), 37, "", "The subsets per document type and country are missing.")
	c.must(nobody || has(perEUC), 39, "", "The subsets per country are missing.")
}

// checkNumbers checks the numbers of every subset; each rule is broken once, however many subsets break it.
func (e *EUSR) checkNumbers(c *checker) {
	for i := range e.Subsets {
		s := e.Subsets[i].Users
		for _, r := range [...]struct {
			ok   bool
			n    int
			text string
		}{
			{
				s.atMostSum(), 33,
				"A subset has more end users that send or receive than senders and receivers together.",
			},
			{s.Sending <= s.Either, 34, "A subset has more end users that send than that send or receive."},
			{s.Receiving <= s.Either, 35, "A subset has more end users that receive than that send or receive."},
			{s.Either > 0, 36, "A subset without end users is left out."},
		} {
			if !r.ok {
				c.mustOnce(r.n, r.text)
			}
		}
	}
}

// atMostSum reports whether Either ≤ Sending + Receiving, without the sum, which may be more than 64 bits.
func (u Users) atMostSum() bool { return u.Either <= u.Sending || u.Either-u.Sending <= u.Receiving }

// mustOnce adds a finding about the root unless the rule has one.
func (c *checker) mustOnce(n int, text string) {
	before := len(c.list)
	c.must(false, n, "", text)
	for _, f := range c.list[:before] {
		if f == c.list[before] {
			c.list = c.list[:before]
			return
		}
	}
}

// eusrKeys checks the values of keys.
func (c *checker) eusrKeys(keys []Key, at string) {
	for i, k := range keys {
		if trim(k.Scheme) == schemeEndUser {
			c.must(inList(k.Value), 30, fmt.Sprintf("%s/Key[%d]", at, i+1), "The country is not in ISO 3166-1.")
		}
	}
}

// subset checks the keys of a subset whose type is known. once says that no other subset has the same keys.
func (c *checker) subset(typ string, keys []Key, at string, once bool) {
	dt, pr, cc := len(withMeta(keys, metaDT)), len(withMeta(keys, metaPR)), withMeta(keys, metaCC)
	own := len(withScheme(cc, schemeEndUser))
	const (
		textDT  = "There must be one key for the document type (DT)."
		textPR  = "There must be one key for the process (PR)."
		textCC  = "There must be one key for the country (CC)."
		textEUC = "The country must be that of the end user (EndUserCountry)."
	)
	switch typ {
	case perDTPR:
		c.must(once, 13, at, "Each combination of document type and process has one subset.")
		c.must(len(keys) == 2, 9, at, "The subset has two keys.")
		c.must(dt == 1, 10, at, textDT)
		c.must(pr == 1, 11, at, textPR)
	case perDTPREUC:
		c.must(once, 29, at, "Each combination of document type, process and country has one subset.")
		c.must(len(keys) == 3, 23, at, "The subset has three keys.")
		c.must(dt == 1, 24, at, textDT)
		c.must(pr == 1, 25, at, textPR)
		c.must(len(cc) == 1, 26, at, textCC)
		c.must(own == 1, 27, at, textEUC)
	case perDTEUC:
		c.must(once, 38, at, "Each combination of document type and country has one subset.")
		c.must(len(keys) == 2, 41, at, "The subset has two keys.")
		c.must(dt == 1, 42, at, textDT)
		c.must(len(cc) == 1, 43, at, textCC)
		c.must(own == 1, 44, at, textEUC)
	case perEUC:
		c.must(once, 40, at, "Each country has one subset.")
		c.must(len(keys) == 1, 45, at, "The subset has one key.")
		c.must(len(cc) == 1, 46, at, textCC)
		c.must(own == 1, 47, at, textEUC)
	}
}

// subsetKeys are the keys by which subsets of a type are told apart.
func subsetKeys(typ string, keys []Key) [][]Key {
	dt, pr := withMeta(keys, metaDT), withMeta(keys, metaPR)
	euc := withScheme(withMeta(keys, metaCC), schemeEndUser)
	switch typ {
	case perDTPR:
		return [][]Key{dt, pr}
	case perDTPREUC:
		return [][]Key{dt, pr, euc}
	case perDTEUC:
		return [][]Key{dt, euc}
	}
	return [][]Key{euc}
}
