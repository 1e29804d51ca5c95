package validation

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/peppol/doctype"
	"github.com/ravn-ap/ravn/validation/pack"
	"github.com/ravn-ap/ravn/xml/safe"
)

// choice is a document type of a pack.
type choice struct {
	pack    *pack.Pack
	doc     *pack.Document
	process string
}

// choose finds the rules for a document: by the document type and process that are asked for, or by what the document
// says of itself. Of several packs that hold on the day, better chooses. If there is none, why says so in a sentence.
func (v *Validator) choose(about doctype.About, r Request) (best *choice, why phrase) {
	docType, process := asked(about, r)
	var ended, known bool
	named := typeOf(about.Root, about.Customization)
	fits := func(d *pack.Document) bool { // the type asked for, or the one that the document itself names
		if docType != "" {
			return d.DocType == docType
		}
		return about.Customization != "" && strings.HasPrefix(d.DocType, named)
	}
	for i := range v.packs {
		p := &v.packs[i]
		for j := range p.Documents {
			d := &p.Documents[j]
			if !fits(d) {
				continue
			}
			known = true
			if len(d.Processes) > 0 && !slices.Contains(d.Processes, process) {
				continue
			}
			if !p.On(r.On) {
				ended = true
				continue
			}
			if c := (&choice{p, d, process}); best == nil || c.better(best) {
				best = c
			}
		}
	}
	if best == nil {
		return nil, noRules(about, r, ended, known)
	}
	return best, phrase{}
}

// noRules says why there are no rules for a document.
func noRules(about doctype.About, r Request, ended, known bool) phrase {
	docType, process := asked(about, r)
	switch {
	case ended:
		return say(whyEnded, r.On.Format(time.DateOnly))
	case known:
		return say(whyProcess, process)
	case docType != "":
		return say(whyType, docType)
	case about.Customization != "":
		return say(whyCustomization, about.Root, about.Customization)
	case strings.HasPrefix(about.Root.Space, doctype.UBL):
		return say(whyPlain, "UBL", about.Root.Local)
	case about.Root.Space == doctype.NSInvoice:
		return say(whyPlain, "CII", about.Root.Local)
	}
	return say(whyElement, about.Root)
}

// asked is the document type and process for which rules are looked for; "" for the type means that of the document.
func asked(about doctype.About, r Request) (docType, process string) {
	return cmp.Or(r.DocType, about.DocType), cmp.Or(r.Process, about.Process, about.Profile)
}

// meant names what may have been meant by an identifier for which there are no rules, and where they would be: the
// nearest process of a known document type, else the nearest customization of the root element, or document type.
func (v *Validator) meant(about doctype.About, r Request) phrase {
	docType, process := asked(about, r)
	own := typeOf(about.Root, about.Customization)
	if p := v.nearest(process, func(d *pack.Document) []string {
		if d.DocType == docType || docType == "" && strings.HasPrefix(d.DocType, own) {
			return d.Processes
		}
		return nil
	}); p.args != nil {
		return p
	}
	if docType != "" {
		return v.nearest(docType, func(d *pack.Document) []string { return []string{d.DocType} })
	}
	return v.nearest(about.Customization, func(d *pack.Document) []string {
		root, rest, _ := strings.Cut(d.DocType, "##")
		if root != about.Root.Space+"::"+about.Root.Local {
			return nil
		}
		return []string{rest[:max(0, strings.LastIndex(rest, "::"))]}
	})
}

// maxMeant is the longest identifier for which something similar is looked for: longer ones are nobody's mistake.
const maxMeant = 300

// nearest names the identifier of the packs that is most like one that is not known, with the document type and the
// packs that have it. It says nothing when there is none, or when the identifier is known.
func (v *Validator) nearest(id string, of func(*pack.Document) []string) phrase {
	if id == "" || len(id) > maxMeant {
		return phrase{}
	}
	best, found, title := len(id)+maxMeant, "", ""
	var packs []string
	for i := range v.packs {
		p := &v.packs[i]
		name := p.Name + " " + p.Version
		for j := range p.Documents {
			d := &p.Documents[j]
			for _, other := range of(d) {
				if other == found && !slices.Contains(packs, name) {
					packs = append(packs, name)
				} else if n := distance(id, other, best); n < best {
					best, found, title, packs = n, other, cmp.Or(d.Title, d.DocType), []string{name}
				}
			}
		}
	}
	if best == 0 || found == "" {
		return phrase{}
	}
	return say(didYouMean, phrase{}, found, title, strings.Join(packs, ", "))
}

// distance is the number of bytes to insert, delete or replace to make b of a, or at least most if it is more than
// that. Their common beginning, which identifiers have, costs nothing.
func distance(a, b string, most int) int {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	if max(len(a)-len(b), len(b)-len(a)) >= most || len(b) > maxMeant {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// typeOf begins the document type of a root element and a customization.
func typeOf(root safe.Name, customization string) string {
	return root.Space + "::" + root.Local + "##" + customization + "::"
}

// better reports whether c is preferred to o: complete rules to basic ones, then those whose validity began last, then
// those with a schema, then those that were installed last.
func (c *choice) better(o *choice) bool {
	p, q := c.pack, o.pack
	switch {
	case p.Basic != q.Basic:
		return q.Basic
	case p.ValidFrom != q.ValidFrom:
		return p.ValidFrom > q.ValidFrom
	case (c.doc.XSD == "") != (o.doc.XSD == ""):
		return c.doc.XSD != ""
	}
	return p.Installed > q.Installed
}
