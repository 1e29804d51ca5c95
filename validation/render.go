package validation

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/xml/schematron"
)

// WriteText writes a report for a terminal: what was checked, and each rule with its text, the places in the document
// and what decided there.
func (r *Report) WriteText(w io.Writer, lang fault.Lang) error {
	b := &textReport{Report: r, lang: lang}
	why := r.ReasonIn(lang)
	if why != "" {
		why = ": " + why
	}
	b.line(0, "%s: %s%s", r.File, r.summary(lang), why)
	b.list(r.aboutDocument(lang))
	b.findings()
	for i := range r.Remarks {
		b.line(1, "%s: %s", b.word("remark"), r.Remarks[i].in(lang))
	}
	b.steps()
	b.list(r.aboutCheck(lang))
	_, err := w.Write(b.Bytes())
	return err
}

type textReport struct {
	*Report
	bytes.Buffer
	lang fault.Lang
}

func (b *textReport) word(name string) string { return pageWords[name].in(b.lang) }

// line writes a line, indented by so many levels.
func (b *textReport) line(level int, format string, args ...any) {
	b.WriteString(strings.Repeat("    ", level))
	b.WriteString(strings.Map(printable, fmt.Sprintf(format, args...)) + "\n")
}

// printable replaces what a terminal may take for a command, or a reader for another line: texts of the document and
// of the rules are shown.
func printable(r rune) rune {
	if unicode.IsControl(r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) || unicode.Is(unicode.Cf, r) {
		return '\ufffd'
	}
	return r
}

func (b *textReport) list(fields []named) {
	for _, f := range fields {
		b.line(1, "%s: %s", f.Name, f.Value)
	}
}

// steps lists those that were not done.
func (b *textReport) steps() {
	for i := range b.Steps {
		if s := &b.Steps[i]; !s.Done {
			b.line(1, "%s: %s – %s", b.word("skipped"), s.name(b.lang), s.skipped(b.lang))
		}
	}
}

func (b *textReport) findings() {
	list := b.notes()
	for _, g := range groups(list) {
		first := &list[g.Notes[0]]
		times := ""
		if len(g.Notes) > 1 {
			times = " (" + say(countTimes, len(g.Notes)).in(b.lang) + ")"
		}
		b.line(1, "%s %s%s", pageWords[first.word()].in(b.lang), g.Rule, times)
		text := ""
		for _, i := range g.Notes {
			n := &list[i]
			if n.Text != text {
				text = n.Text
				b.line(2, "%s", text)
			}
			b.line(2, "%d:%d  %s", n.Line, n.Column, n.Location)
			if n.finding != nil && len(n.finding.Why) > 0 {
				b.line(3, "%s", n.finding.Explained(b.lang))
			}
		}
	}
	if b.More > 0 {
		b.line(1, "… %s", say(countMore, b.More).in(b.lang))
	}
}

// word is the name of a note's flag in pageWords. What is neither a warning nor of the schema is an error.
func (n *note) word() string {
	switch n.Flag {
	case flagSchema, "warning":
		return n.Flag
	}
	return "fatal"
}

// Summary is the verdict in one line.
func (r *Report) Summary() string { return r.summary(fault.English) }

func (r *Report) summary(lang fault.Lang) string {
	s := verdictWords[r.Verdict].in(lang)
	if r.Pack != "" {
		s += fmt.Sprintf(" (%s %s, %.1f ms)", r.Pack, r.Version, r.MS)
	}
	if r.Basic {
		s += ", " + pageWords["basic"].in(lang)
	}
	if c := r.counts(lang); c != "" {
		s += ": " + c
	}
	return s
}

// counts says how many errors and warnings there are, "" for none.
func (r *Report) counts(lang fault.Lang) string {
	var list []string
	add := func(n int, one, many label) {
		switch {
		case n == 1:
			list = append(list, say(one, n).in(lang))
		case n > 1:
			list = append(list, say(many, n).in(lang))
		}
	}
	add(r.Fatal, countError, countErrors)
	add(r.Warnings, countWarning, countWarnings)
	return strings.Join(list, ", ")
}

// named is a value with its name, in a language.
type named struct{ Name, Value string }

// fields are named values in a language.
type fields struct {
	lang fault.Lang
	list []named
}

// add adds a value that is there.
func (f *fields) add(word, value string) {
	if value != "" {
		f.list = append(f.list, named{pageWords[word].in(f.lang), value})
	}
}

// aboutDocument says which document it is.
func (r *Report) aboutDocument(lang fault.Lang) []named {
	f := fields{lang: lang}
	f.add("document", r.Title)
	if h := r.Head; h != nil {
		f.add("number", h.Number)
		f.add("issued", h.Issued)
		f.add("from", h.Seller.String())
		f.add("to", h.Buyer.String())
		f.add("payable", strings.TrimSpace(h.Payable+" "+h.Currency))
	}
	return f.list
}

// aboutCheck says when and by which rules it was checked.
func (r *Report) aboutCheck(lang fault.Lang) []named {
	f := fields{lang: lang}
	f.add("type", r.DocType)
	f.add("process", r.Process)
	f.add("pack", r.rules(lang))
	if r.SHA256 != "" {
		f.add("file", say(bytesHash, r.Size, r.SHA256).in(lang))
	}
	if !r.Checked.IsZero() {
		f.add("checked", r.Checked.UTC().Format(time.DateTime)+" UTC")
	}
	f.add("program", r.Program)
	return f.list
}

func (p *Party) String() string {
	switch {
	case p == nil:
		return ""
	case p.Name == "" || p.ID == "":
		return p.Name + p.ID
	}
	return p.Name + " (" + p.ID + ")"
}

// rules names the pack with the days on which it holds.
func (r *Report) rules(lang fault.Lang) string {
	if r.Pack == "" {
		return ""
	}
	s := r.Pack + " " + r.Version
	if r.ValidFrom != "" {
		s += ", " + say(holdsFrom, r.ValidFrom).in(lang)
	}
	if r.ValidTo != "" {
		s += ", " + say(holdsUntil, r.ValidTo).in(lang)
	}
	return s
}

func (s *Step) name(lang fault.Lang) string {
	name := stepWords[s.Kind].in(lang)
	if s.File != "" {
		name += " " + s.File
	}
	return name
}

// skipped says why a step was not done.
func (s *Step) skipped(lang fault.Lang) string {
	if s.why == (label{}) { // it was read from JSON
		return s.Skipped
	}
	return s.why.in(lang)
}

func (m *Remark) in(lang fault.Lang) string {
	where := plain(m.Location)
	if m.Times > 1 {
		where = say(andMore, m.Location, m.Times-1)
	}
	return say(remarkText, m.Rule, where, m.Text).in(lang)
}

// ordered returns the findings, the fatal ones first, otherwise in the order in which they were found.
func (r *Report) ordered() []Finding {
	list := slices.Clone(r.Findings)
	slices.SortStableFunc(list, func(a, b Finding) int { return cmp.Compare(rank(a.Flag), rank(b.Flag)) })
	return list
}

func rank(flag string) int {
	if flag == "warning" {
		return 1
	}
	return 0
}

// WriteSVRL writes the findings of the rules in the Schematron Validation Report Language. The request must have had
// Trace.
func (r *Report) WriteSVRL(w io.Writer) error { return schematron.WriteSVRL(w, r.File, r.runs...) }

//go:embed report.html
var page string

// pageTemplate has functions for the words of a language, which WriteHTML replaces by those of the one asked for.
var pageTemplate = template.Must(template.New("report").Funcs(inLanguage(fault.English)).Parse(page))

func inLanguage(lang fault.Lang) template.FuncMap {
	return template.FuncMap{
		"word":     func(name string) string { return pageWords[name].in(lang) },
		"label":    func(l label) string { return l.in(lang) },
		"left":     func(n int) string { return say(countLeft, n).in(lang) },
		"elements": func(n int) string { return say(countElements, n).in(lang) },
		"root": func(name string) string {
			if l, ok := rootWords[name]; ok {
				return l.in(lang)
			}
			return name
		},
	}
}

// pageDoc is a report as report.html shows it.
type pageDoc struct {
	ID                                 int
	File, Verdict, Word, Counts, Basic string
	Reason, More                       string
	Document, Check                    []named
	Steps                              []named // Value is "" for one that was done
	Skipped                            []named // those that the end of the check kept from being done
	Groups                             []pageGroup
	Remarks                            []string
	View                               *view
	Flags                              []string // of the notes, by their number minus 1
}

type pageGroup struct {
	Flag, Word, Rule, Text, Times string
	Notes                         []pageNote
}

type pageNote struct {
	Number                int
	Text, Place, Location string
	Because               []because
	Spot                  *spot
	Whole                 bool // it is about the whole document
}

// because is what decided a test, and where the values come from.
type because struct{ Lead, Rest string }

// WriteHTML writes reports as one self-contained page, without scripts. What cannot be seen, or changes the order in
// which a line is read, is shown as in WriteText.
func WriteHTML(w io.Writer, reports []*Report, lang fault.Lang) error {
	t, err := pageTemplate.Clone()
	if err != nil {
		return err
	}
	var docs []pageDoc
	for i, r := range reports {
		docs = append(docs, r.page(i+1, lang))
	}
	var b strings.Builder
	err = t.Funcs(inLanguage(lang)).Execute(&b, struct {
		Lang fault.Lang
		Docs []pageDoc
	}{lang, docs})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return printable(r)
	}, b.String()))
	return err
}

func (r *Report) page(id int, lang fault.Lang) pageDoc {
	d := pageDoc{
		ID: id, File: r.File, Verdict: string(r.Verdict), Word: verdictWords[r.Verdict].in(lang),
		Counts: r.counts(lang), Reason: r.ReasonIn(lang), View: r.view,
		Document: r.aboutDocument(lang), Check: r.aboutCheck(lang),
	}
	if r.Basic {
		d.Basic = pageWords["basic"].in(lang)
	}
	if r.More > 0 {
		d.More = say(countMore, r.More).in(lang)
	}
	for i := range r.Steps {
		s := named{Name: r.Steps[i].name(lang)}
		if !r.Steps[i].Done {
			s.Value = r.Steps[i].skipped(lang)
			if w := r.Steps[i].why; w == skipErrors || w == skipEnded {
				d.Skipped = append(d.Skipped, s)
			}
		}
		d.Steps = append(d.Steps, s)
	}
	for i := range r.Remarks {
		d.Remarks = append(d.Remarks, r.Remarks[i].in(lang))
	}
	list := r.notes()
	for i := range list {
		d.Flags = append(d.Flags, list[i].word())
	}
	for _, g := range groups(list) {
		d.Groups = append(d.Groups, r.pageGroup(list, g, lang))
	}
	return d
}

// pageGroup is a group of notes; a text that all have stands once above them.
func (r *Report) pageGroup(list []note, g group, lang fault.Lang) pageGroup {
	first := &list[g.Notes[0]]
	p := pageGroup{Flag: first.word(), Word: pageWords[first.word()].in(lang), Rule: g.Rule, Text: first.Text}
	for _, i := range g.Notes {
		if list[i].Text != first.Text {
			p.Text = ""
		}
	}
	if len(g.Notes) > 1 {
		p.Times = say(countTimes, len(g.Notes)).in(lang)
	}
	for _, i := range g.Notes {
		n := &list[i]
		pn := pageNote{
			Number: i + 1, Location: n.Location, Place: say(lineColumn, n.Line, n.Column).in(lang),
		}
		if n.finding != nil {
			for j := range n.finding.Why {
				lead, rest := sentence(&n.finding.Why[j], lang)
				pn.Because = append(pn.Because, because{lead, rest})
			}
		}
		if p.Text == "" {
			pn.Text = n.Text
		}
		if r.view != nil {
			pn.Spot = r.view.placed[i]
			pn.Whole = pn.Spot == r.view.Top
		}
		p.Notes = append(p.Notes, pn)
	}
	return p
}

// pageMark refers from a place of the document to what is said about it.
type pageMark struct {
	Doc, Number int
	Flag        string
}

// Marks returns the marks of a place.
func (d *pageDoc) Marks(s *spot) (list []pageMark) {
	for _, n := range s.Marks {
		list = append(list, pageMark{d.ID, n, d.Flags[n-1]})
	}
	return list
}

// MarkOf is the class of a spot: the worst that is said about it, "" for nothing.
func (d *pageDoc) MarkOf(s *spot) string {
	worst := ""
	for _, n := range s.Marks {
		if f := d.Flags[n-1]; f != "warning" {
			return "marked fatal"
		}
		worst = "marked warning"
	}
	return worst
}
