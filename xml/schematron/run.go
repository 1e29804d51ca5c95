package schematron

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/ravn-ap/ravn/xml/xdm"
	"github.com/ravn-ap/ravn/xml/xpath"
)

// Finding is an assert that failed, a report that holds, or a test that could not be evaluated.
type Finding struct {
	Pattern  *Pattern
	Rule     *Rule
	Assert   *Assert
	Node     xdm.Node
	Location string // /Invoice[1]/cac:X[2] without prefixes
	Text     string
	Code     string       // of the XPath error of a test that could not be evaluated, "" otherwise
	Why      []xpath.Fact // what decided the test, after Explain

	Diagnostics []string // the texts of Assert.Diagnostics

	compiled *assertion // nil when the test could not be evaluated
}

// Flag returns the flag as published, or the role where there is none; a test that could not be evaluated is fatal.
func (f *Finding) Flag() string { return cmp.Or(f.flag(), f.Assert.Role) }

func (f *Finding) flag() string {
	if f.Code != "" {
		return "fatal"
	}
	return f.Assert.Flag
}

// ID returns the id of the assert, that at the beginning of its message, that of its rule or pattern, or its file and
// line: no finding is without one.
func (f *Finding) ID() string {
	at := f.Assert.At
	return cmp.Or(f.Assert.id(), f.Rule.ID, f.Pattern.ID, fmt.Sprintf("%s:%d", path.Base(at.File), at.Line))
}

// Remark is a context that could not be evaluated on some nodes, which its rule therefore does not match (XSLT 2.0
// §5.5.4). It says nothing against the document.
type Remark struct {
	Pattern  *Pattern
	Rule     *Rule
	Node     xdm.Node // the first of the nodes
	Location string
	Text     string
	Code     string // of the XPath error
	Times    int    // how many nodes
}

// maxFindings is how many findings of a rule file are kept, and how many remarks: enough for a person, but a document
// with a million errors cannot fill the memory.
const maxFindings = 1000

// Result is the result of the rules for a document.
type Result struct {
	Findings []Finding
	Remarks  []Remark
	More     int    // findings beyond those that are kept
	MoreBad  bool   // one of those was no warning
	Fired    int    // how many times a rule matched a node
	Work     int64  // steps of the evaluation
	Steps    []Step // with Options.Trace: what happened, in order
}

// Step is a step of a run: a pattern begins, a rule fires for a node, or there is a finding.
type Step struct {
	Pattern *Pattern // a pattern begins
	Rule    *Rule    // a rule fires
	Node    xdm.Node
	Finding int // index of a finding, when neither Pattern nor Rule is set
}

// Options of a run. The zero value is right for production.
type Options struct {
	Budget xpath.Budget // its zero value means the defaults
	Trace  bool         // keep the steps, for SVRL
}

// ErrBudget means that the rules took too many steps on the document, which is then neither valid nor invalid.
// ErrMemory is an ErrBudget of too much memory for values.
var (
	ErrBudget = errors.New("schematron: the document needs more steps than are allowed")
	ErrMemory = fmt.Errorf("%w: their values take too much memory", ErrBudget)
)

// Validate evaluates all rules on a document. Errors are those of the context, and ErrBudget.
func (s *Schema) Validate(ctx context.Context, t *xdm.Tree, o Options) (*Result, error) {
	r := &run{t: t, ev: xpath.NewEvaluation(ctx, t, o.Budget), places: places{t: t}, trace: o.Trace}
	defer r.ev.Release()
	r.ev.Documents(s.docs)
	for _, p := range s.patterns {
		r.step(Step{Pattern: p.src})
		if err := r.pattern(p); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if xpath.IsMemory(err) {
				return nil, ErrMemory
			}
			return nil, ErrBudget
		}
	}
	r.res.Work = r.ev.Spent()
	return &r.res, nil
}

type run struct {
	t      *xdm.Tree
	ev     *xpath.Evaluation
	res    Result
	places places
	trace  bool
	marks  map[mark]int // remarks, by number
}

// mark is what there is one remark of.
type mark struct {
	rule *rule
	code string
}

func (r *run) step(s Step) {
	if r.trace {
		r.res.Steps = append(r.res.Steps, s)
	}
}

// full reports whether there are as many findings as are kept. If so, it counts the one that is lost: it must not get
// lost that it was no warning.
func (r *run) full(flag string) bool {
	if len(r.res.Findings) < maxFindings {
		return false
	}
	r.res.More++
	r.res.MoreBad = r.res.MoreBad || flag != "warning"
	return true
}

func (r *run) found(f Finding) {
	r.step(Step{Node: f.Node, Finding: len(r.res.Findings)})
	r.res.Findings = append(r.res.Findings, f)
}

// pattern gives each node to the first rule that matches it. Kinds of nodes that no context matches are passed over.
func (r *run) pattern(p *pattern) error {
	if err := r.ev.Spend(r.t.Len() >> 3); err != nil { // skipping a node is cheap: eight count as one step
		return err
	}
	kinds, top, fired := p.index.kinds, p.index.top, r.res.Fired
	if kinds.has(xdm.Root) {
		if err := r.node(p, 0, 0, 0); err != nil {
			return err
		}
	}
	if r.res.Fired > fired { // else the built-in rule of XSLT goes on from the document, to all kinds of nodes
		top = 0
	}
	for n := xdm.Node(1); int(n) < r.t.Len(); n++ {
		if k := r.t.Kind(n); !kinds.has(k) && (!top.has(k) || r.t.Parent(n) != 0) {
			continue
		}
		if err := r.node(p, n, r.t.NameID(n), r.t.NameID(r.t.Parent(n))); err != nil {
			return err
		}
	}
	return nil
}

// node tries the rules that may match a node, in their order, and fires the first that does. A context that cannot be
// evaluated does not match (XSLT 2.0 §5.5.4); there is a remark of it.
func (r *run) node(p *pattern, n xdm.Node, name, parent xdm.NameID) error {
	for _, i := range p.index.rules(name, parent) {
		rule := &p.rules[i]
		ok, err := r.ev.Matches(rule.context, n)
		if err != nil {
			if xpath.IsBudget(err) {
				return err
			}
			r.remark(p, rule, n, err)
			continue
		}
		if ok {
			return r.fire(p, rule, n)
		}
	}
	return nil
}

// fire evaluates the asserts of a rule on a node. One that cannot be evaluated is a finding, and the others go on.
func (r *run) fire(p *pattern, rule *rule, n xdm.Node) error {
	r.res.Fired++
	r.step(Step{Rule: rule.src, Node: n})
	r.ev.Home(n)
	for i := range rule.asserts {
		a := &rule.asserts[i]
		ok, err := r.ev.Test(a.test, n)
		if err != nil {
			if xpath.IsBudget(err) {
				return err
			}
			r.failed(p, rule, a, n, err)
			continue
		}
		if ok == a.src.Report && !r.full(cmp.Or(a.src.Flag, a.src.Role)) {
			f := Finding{
				Pattern: p.src, Rule: rule.src, Assert: a.src, Node: n, Location: r.places.path(n), compiled: a,
			}
			if err := r.texts(&f); err != nil {
				return err
			}
			r.found(f)
		}
	}
	return nil
}

// failed records a test that failed; the rest goes on.
func (r *run) failed(p *pattern, rule *rule, a *assertion, n xdm.Node, err error) {
	if r.full("fatal") {
		return
	}
	r.found(Finding{
		Pattern: p.src, Rule: rule.src, Assert: a.src, Node: n, Location: r.places.path(n),
		Text: "The rule cannot be evaluated on this document: " + err.Error(), Code: codeOf(err),
	})
}

// remark records a context that cannot be evaluated on a node.
func (r *run) remark(p *pattern, rule *rule, n xdm.Node, err error) {
	m := mark{rule, codeOf(err)}
	if i, ok := r.marks[m]; ok {
		r.res.Remarks[i].Times++
		return
	}
	if len(r.res.Remarks) == maxFindings {
		return
	}
	if r.marks == nil {
		r.marks = map[mark]int{}
	}
	r.marks[m] = len(r.res.Remarks)
	r.res.Remarks = append(r.res.Remarks, Remark{
		Pattern: p.src, Rule: rule.src, Node: n, Location: r.places.path(n),
		Text: "The context of the rule cannot be evaluated here, so the rule does not apply: " + err.Error(),
		Code: m.code, Times: 1,
	})
}

func codeOf(err error) string {
	var xe *xpath.Error
	if errors.As(err, &xe) {
		return xe.Code
	}
	return ""
}

// maxText is how many bytes of a message are kept: nobody reads more, and the values in messages could repeat the
// whole text of a document a thousand times.
const maxText = 8 << 10

// texts resolves the message of a finding, and its diagnostics.
func (r *run) texts(f *Finding) (err error) {
	if f.Text, err = r.message(f.compiled.text, f.Node); err != nil {
		return err
	}
	for _, d := range f.compiled.diagnostics {
		text, err := r.message(d, f.Node)
		if err != nil {
			return err
		}
		f.Diagnostics = append(f.Diagnostics, text)
	}
	return nil
}

// message resolves a message. A value in it that cannot be evaluated is left out.
func (r *run) message(list []textPart, n xdm.Node) (string, error) {
	var b strings.Builder
	for _, t := range list {
		if t.value == nil {
			b.WriteString(t.text)
			continue
		}
		s, err := r.ev.String(t.value, n)
		if err != nil && xpath.IsBudget(err) {
			return "", err
		}
		b.WriteString(s)
	}
	text := b.String()
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + " …"
	}
	return squeeze(text), nil
}
