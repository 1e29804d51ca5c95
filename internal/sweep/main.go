// Sweep reads every rule file in folders and archives and tells which of them can be used, and why the others cannot.
//
//	go run ./internal/sweep FOLDER|ARCHIVE|FILE...
//
// Archives are zip and jar files; those within a folder are opened as well. Each file has a line:
//
//	loads     the rule file can be used
//	refused   it cannot, with the first reason and how many more there are
//	part      it is no whole rule file: another one includes it, or what it includes or reads is not there
//	no rules  a stylesheet that reports nothing, so no rule file
//
// Then the reasons with the number of files that have each, and "N of M whole rule files load". The exit code is 1 when
// a file could not be read, and 2 when nothing was there to read.
package main

import (
	"archive/zip"
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
	"github.com/ravn-ap/ravn/xml/schematron"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "sweep: name a folder, an archive or a file of rules")
		os.Exit(2)
	}
	w := bufio.NewWriter(os.Stdout)
	s := &sweep{out: w}
	for _, name := range os.Args[1:] {
		if err := s.path(name); err != nil {
			s.failed(err)
		}
	}
	code := 0
	switch {
	case s.unread > 0:
		code = 1
	case len(s.results) == 0:
		code = 2
	}
	s.summary()
	if err := w.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "sweep:", err)
		code = 1
	}
	os.Exit(code)
}

// state is what became of a file.
type state string

const (
	loads   state = "loads"
	refused state = "refused"
	part    state = "part"
	noRules state = "no rules"
)

// result is one file with everything that keeps it from being used.
type result struct {
	name    string
	state   state
	reasons []string
}

func (r *result) String() string {
	s := fmt.Sprintf("%-8s  %s", r.state, r.name)
	if len(r.reasons) > 0 {
		s += " | " + r.reasons[0]
	}
	if more := len(r.reasons) - 1; more > 0 {
		s += fmt.Sprintf(" (and %d more)", more)
	}
	return s
}

// sweep writes a line for each file and keeps the results for the summary.
type sweep struct {
	out     io.Writer
	results []result
	unread  int
}

func (s *sweep) failed(err error) {
	s.unread++
	fmt.Fprintln(s.out, "not read:", err)
}

// path takes a folder, an archive or a file.
func (s *sweep) path(name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return s.tree(os.DirFS(name), name)
	case isArchive(name):
		return s.archive(name)
	}
	return s.file(os.DirFS(filepath.Dir(name)), filepath.Base(name), name)
}

func isArchive(name string) bool {
	return slices.Contains([]string{".zip", ".jar"}, strings.ToLower(path.Ext(name)))
}

func isRules(name string) bool {
	return slices.Contains([]string{".sch", ".xsl", ".xslt"}, strings.ToLower(path.Ext(name)))
}

func (s *sweep) archive(name string) error {
	z, err := zip.OpenReader(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return errors.Join(s.tree(z, name), z.Close())
}

// tree takes all rule files below root, in the order of their names. A folder that cannot be opened does not end it.
func (s *sweep) tree(fsys fs.FS, root string) error {
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		shown := path.Join(filepath.ToSlash(root), name)
		switch {
		case err != nil:
		case d.IsDir():
			return nil
		case isRules(name):
			err = s.file(fsys, name, shown)
		case isArchive(name):
			if _, onDisk := fsys.(*zip.ReadCloser); !onDisk {
				err = s.archive(shown)
			}
		}
		if err != nil {
			s.failed(err)
		}
		return nil
	})
}

// file tries one rule file. Problems of the file are its result; an error means that it could not be read.
func (s *sweep) file(fsys fs.FS, name, shown string) error {
	r := result{name: shown}
	doc, err := parse(fsys, name)
	if unreadable := new(safe.Error); err != nil && !errors.As(err, &unreadable) {
		return fmt.Errorf("%s: %w", shown, err)
	}
	if err != nil {
		r.state, r.reasons = refused, []string{err.Error()}
	} else if reportsNothing(doc) {
		r.state, r.reasons = noRules, []string{"a stylesheet that writes no report of Schematron"}
	} else if why := partOf(fsys, name, doc); why != "" {
		r.state, r.reasons = part, []string{why}
	} else {
		r.state = loads
		for _, err := range schematron.Check(fsys, name) {
			r.state, r.reasons = refused, append(r.reasons, text(err, name))
		}
		if r.state == refused && onlyUnread(r.reasons) {
			r.state = part
		}
	}
	s.results = append(s.results, r)
	fmt.Fprintln(s.out, r.String())
	return nil
}

// unread finds that a document which the rules read, such as a code list, is not there.
var unread = regexp.MustCompile(`FODC0002: document\(\): open .*: (no such file|file does not exist)`)

func onlyUnread(reasons []string) bool {
	return !slices.ContainsFunc(reasons, func(s string) bool { return !unread.MatchString(s) })
}

// text is what is wrong, with the line, and the file where it is another one.
func text(err error, name string) string {
	var p *schematron.Problem
	if !errors.As(err, &p) {
		return err.Error()
	}
	if p.At.File == name {
		return fmt.Sprintf("line %d: %s", p.At.Line, p.What)
	}
	return p.Error()
}

func parse(fsys fs.FS, name string) (*safe.Doc, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	doc, err := safe.Read(f, safe.Rules)
	return doc, errors.Join(err, f.Close())
}

const (
	nsSch = "http://purl.oclc.org/dsdl/schematron"
	nsXSL = "http://www.w3.org/1999/XSL/Transform"
	nsXI  = "http://www.w3.org/2001/XInclude"
)

// partOf says why a file is no whole rule file, "" when it is one.
func partOf(fsys fs.FS, name string, doc *safe.Doc) string {
	if n := doc.Top().Name(); n.Space == nsSch && n.Local != "schema" {
		return "its root element is " + n.Local
	}
	return missing(fsys, name, doc, []string{name})
}

// missing names a file that a schema or a file that it includes wants and that is not there.
func missing(fsys fs.FS, name string, doc *safe.Doc, seen []string) string {
	for i := range doc.Len() {
		n := doc.At(i)
		if n.Kind() != safe.Element || !n.Is(nsSch, "include") && !n.Is(nsXI, "include") &&
			!n.Is(nsXSL, "include") && !n.Is(nsXSL, "import") {
			continue
		}
		href, _ := n.Attr("", "href")
		href, _, _ = strings.Cut(href, "#")
		file := path.Join(path.Dir(name), href)
		if href == "" || strings.Contains(href, ":") || !fs.ValidPath(file) || slices.Contains(seen, file) {
			continue // a fault of the file, which the engine refuses
		}
		included, err := parse(fsys, file)
		if errors.Is(err, fs.ErrNotExist) {
			return "it includes " + file + ", which is not there"
		}
		if err != nil {
			continue
		}
		seen = append(seen, file)
		if why := missing(fsys, file, included, seen); why != "" {
			return why
		}
	}
	return ""
}

// reportsNothing tells a stylesheet that is no compiled rule file: it names neither the report nor the helpers of the
// skeleton.
func reportsNothing(doc *safe.Doc) bool {
	if !doc.Top().Is(nsXSL, "stylesheet") && !doc.Top().Is(nsXSL, "transform") {
		return false
	}
	for i := range doc.Len() {
		n := doc.At(i)
		if n.Kind() != safe.Element {
			continue
		}
		mode, _ := n.Attr("", "mode")
		if n.Name().Space == "http://purl.oclc.org/dsdl/svrl" || strings.HasPrefix(mode, "schematron-") {
			return false
		}
	}
	return true
}

// particulars of a reason, which are left out where files are counted by reason, and what stands for them.
var particulars = []struct {
	from *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`^.*\b([A-Z]{4}[0-9]{4}: )`), "$1"},
	{regexp.MustCompile(`^(.*: )?line [0-9]+( column [0-9]+)?: `), ""},
	{regexp.MustCompile(`\$[^\s,;:)]+`), "$…"},
	{regexp.MustCompile(`\b(M[0-9]+|d[0-9]+e[0-9]+)\b`), "…"},
	{regexp.MustCompile(`includes .*, which`), "includes a file that"},
	{regexp.MustCompile(`open .*: no such file`), "open …: no such file"},
}

func general(reason string) string {
	for _, p := range particulars {
		reason = p.from.ReplaceAllString(reason, p.to)
	}
	return reason
}

// summary writes the reasons, the most frequent first, and the count of whole rule files.
func (s *sweep) summary() {
	counts := map[state]map[string]int{}
	for i := range s.results {
		r := &s.results[i]
		reasons := map[string]int{}
		for _, reason := range r.reasons {
			reasons[general(reason)] = 1
		}
		if counts[r.state] == nil {
			counts[r.state] = map[string]int{}
		}
		for reason := range reasons {
			counts[r.state][reason]++
		}
	}
	for _, st := range []state{refused, part, noRules} {
		of := counts[st]
		for i, reason := range slices.SortedFunc(maps.Keys(of), func(a, b string) int {
			return cmp.Or(cmp.Compare(of[b], of[a]), cmp.Compare(a, b))
		}) {
			if i == 0 {
				fmt.Fprintf(s.out, "\n%s, files by reason\n", st)
			}
			fmt.Fprintf(s.out, "%6d  %s\n", of[reason], reason)
		}
	}
	good, whole := s.count()
	fmt.Fprintf(s.out, "\n%d of %d whole rule files load (%s)\n", good, whole, share(good, whole))
}

// count returns how many whole rule files load, and how many there are.
func (s *sweep) count() (good, whole int) {
	for i := range s.results {
		switch s.results[i].state {
		case loads:
			good++
			whole++
		case refused:
			whole++
		}
	}
	return good, whole
}

// share is a part in percent, rounded down to a tenth: 100 % means all.
func share(n, of int) string {
	if of == 0 {
		return "none"
	}
	tenths := n * 1000 / of
	return fmt.Sprintf("%d.%d %%", tenths/10, tenths%10)
}
