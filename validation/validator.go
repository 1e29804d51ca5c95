package validation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/peppol/doctype"
	"github.com/ravn-ap/ravn/validation/pack"
	"github.com/ravn-ap/ravn/xml/safe"
	"github.com/ravn-ap/ravn/xml/schematron"
	"github.com/ravn-ap/ravn/xml/xdm"
	"github.com/ravn-ap/ravn/xml/xpath"
	"github.com/ravn-ap/ravn/xml/xsd"
)

// Validator checks documents with its rule packs. Rules are compiled when they are first needed, once, and stay in
// memory. It may be used by several goroutines.
type Validator struct {
	packs []pack.Pack
	names *xdm.Names

	mu    sync.Mutex
	sets  map[string]*xsd.Set // by pack and version
	steps map[stepKey]*step
}

type stepKey struct{ pack, version, file string }

// step is a schema or rule file of a pack, compiled once: by the first check that needs it, while the others wait.
type step struct {
	once   sync.Once
	schema *xsd.Schema
	rules  *schematron.Schema
	err    error
}

// New returns a Validator with the given packs.
func New(packs []pack.Pack) *Validator {
	return &Validator{packs: packs, names: xdm.NewNames(), sets: map[string]*xsd.Set{}, steps: map[stepKey]*step{}}
}

// Request is a document to be checked.
type Request struct {
	Name    string    // of the file, for the report
	DocType string    // value of the identifier; "" means it is read from the document or its envelope
	Process string    // likewise
	On      time.Time // the day whose rules apply
	Budget  Budget
	Trace   bool      // keep what SVRL needs
	All     bool      // run the rules even if the schema finds errors, as conformance tests do
	View    bool      // keep what WriteHTML shows of the document
	Program string    // version of the program, for the report
	Now     time.Time // when the check is made, for the report; zero means now
	Body    []byte
}

// Validate checks a document. The report says what is wrong with it or with the rules. If the check takes longer than
// the deadline of ctx allows, or more than its budget, the verdict is NotChecked and the report says why. An error
// means that ctx was cancelled.
func (v *Validator) Validate(ctx context.Context, r Request) (*Report, error) {
	start := time.Now()
	r.Budget = r.Budget.orDefault()
	c := &check{Validator: v, ctx: ctx, req: r, rep: newReport(r), steps: r.Budget.Steps}
	rep, err := c.document()
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		rep = newReport(r).conclude(NotChecked, say(whySlow))
	case err != nil:
		return nil, err
	}
	rep.finish(r)
	rep.MS = float64(time.Since(start).Microseconds()) / 1000
	return rep, nil
}

// check is the check of one document.
type check struct {
	*Validator
	ctx   context.Context
	req   Request
	rep   *Report
	steps int64 // left
	size  xdm.Size
}

// NoVerdict returns a report about a document that was not checked, with the reason in a sentence.
func NoVerdict(r Request, v Verdict, reason string) *Report {
	return newReport(r).conclude(v, plain(reason))
}

// document does the steps in the order in which they can refuse most cheaply: size, root and type, rules, reading
// together with the schema, and last the rules, of the document and of its envelope.
func (v *check) document() (*Report, error) {
	rep, r := v.rep, v.req
	v.size = xdm.SizeOf(r.Body)
	if need := needOf(v.size); need.Bytes > r.Budget.Bytes {
		return rep.conclude(NotChecked, say(whyLarge, need.Bytes>>20, r.Budget.Bytes>>20)), nil
	}
	about, err := doctype.Identify(bytes.NewReader(r.Body))
	if err != nil {
		return rep.unreadable(err), nil
	}
	chosen, why := v.choose(about, r)
	if chosen == nil {
		if meant := v.meant(about, r); meant.args != nil {
			meant.args[0], why = why, meant
		}
		return v.withoutRules(why, about.Envelope), nil
	}
	docType := chosen.doc.DocType
	root, _, _ := strings.Cut(docType, "##") // namespace::name
	if root != about.Root.Space+"::"+about.Root.Local {
		return rep.conclude(Invalid, say(whyRoot, rootName(about), docType, root)), nil
	}
	rep.DocType, rep.Process, rep.Basic = docType, chosen.process, chosen.pack.Basic
	rep.Pack, rep.Version, rep.Title = chosen.pack.Name, chosen.pack.Version, chosen.doc.Title
	rep.ValidFrom, rep.ValidTo = chosen.pack.ValidFrom, chosen.pack.ValidTo
	rep.plan(chosen, about.Envelope)
	unusable := func(err error) (*Report, error) {
		return rep.conclude(Error, say(whyUnusable, rep.Pack, rep.Version, err.Error())), nil
	}
	schema, rules, err := v.load(chosen.pack, chosen.doc)
	if err != nil {
		return unusable(err)
	}
	tree, schemaErrs, err := v.read(schema, about.Envelope)
	switch {
	case err != nil && v.ctx.Err() != nil:
		return nil, v.ctx.Err()
	case err != nil:
		return rep.unreadable(err), nil
	}
	rep.Head = headOf(tree)
	if r.View {
		defer func() { rep.view = viewOf(tree, rep) }()
	}
	if err := rep.addSchemaErrors(schemaErrs); err != nil {
		return rep.unreadable(err), nil
	}
	if schema != nil {
		rep.did(StepSchema, chosen.doc.XSD, len(schemaErrs))
	}
	if len(schemaErrs) > 0 && !r.All {
		rep.skip(StepRules, skipErrors)
		rep.skip(StepEnvelope, skipErrors)
		return rep.conclude(Invalid, phrase{}), nil
	}
	err = v.run(rules, tree, StepRules, chosen.doc.Rules)
	rep.relevel(chosen.doc.Levels)
	if err == nil && about.Envelope && len(chosen.pack.Envelope) > 0 {
		err = v.envelope(chosen.pack)
	}
	switch {
	case errors.Is(err, schematron.ErrMemory):
		return rep.conclude(NotChecked, say(whyMemory)), nil
	case errors.Is(err, schematron.ErrBudget):
		return rep.conclude(NotChecked, say(whySteps)), nil
	case err != nil && v.ctx.Err() == nil:
		return unusable(err)
	case err != nil:
		return nil, err
	}
	return rep.judge(), nil
}

// withoutRules says why there are no rules for the document, and which document it is, as far as it can be read.
func (v *check) withoutRules(why phrase, envelope bool) *Report {
	rep := v.rep.conclude(Error, why)
	tree, _, err := v.read(nil, envelope)
	if err != nil {
		return rep
	}
	rep.Head = headOf(tree)
	if v.req.View {
		rep.view = viewOf(tree, rep)
	}
	return rep
}

// plan notes the steps of a check; until they are done, the check ended before.
func (r *Report) plan(c *choice, envelope bool) {
	if c.doc.XSD != "" {
		r.step(StepSchema, c.doc.XSD, skipEnded)
	} else {
		r.step(StepSchema, "", skipNoSchema)
	}
	for _, file := range c.doc.Rules {
		r.step(StepRules, file, skipEnded)
	}
	switch {
	case !envelope:
		r.step(StepEnvelope, "", skipNoEnvelope)
	case len(c.pack.Envelope) == 0:
		r.step(StepEnvelope, "", skipNoRules)
	}
	for _, file := range c.pack.Envelope {
		if envelope {
			r.step(StepEnvelope, file, skipEnded)
		}
	}
}

// finish completes a report and lets go of the document.
func (r *Report) finish(req Request) {
	if len(req.Body) > 0 {
		sum := sha256.Sum256(req.Body)
		r.SHA256 = hex.EncodeToString(sum[:])
	}
	r.count()
	r.body = nil
}

// budget is what rules may use. Values may use the memory that document and tree leave.
func (v *check) budget(tree *xdm.Tree) xpath.Budget {
	return xpath.Budget{
		Steps: max(1, v.steps),
		Bytes: max(minValues, v.req.Budget.Bytes-int64(len(v.req.Body))-tree.Bytes()),
	}
}

// run evaluates rule files of a pack on a tree.
func (v *check) run(rules []*schematron.Schema, tree *xdm.Tree, kind StepKind, files []string) error {
	for i, s := range rules {
		res, err := s.Validate(v.ctx, tree, schematron.Options{Budget: v.budget(tree), Trace: v.req.Trace})
		if err != nil {
			return err
		}
		v.steps -= res.Work
		v.rep.addResult(s, tree, res, v.req.Trace)
		v.rep.did(kind, files[i], len(res.Findings)+res.More)
	}
	// Here, so that no tree is kept while the envelope is read. The steps come on top of those that the rules may take:
	// they must not be missing for those of the envelope.
	v.rep.explain(v.ctx, v.budget(tree))
	return nil
}

// envelope evaluates the rules for the envelope, on envelope and document together.
func (v *check) envelope(p *pack.Pack) error {
	_, rules, err := v.load(p, &pack.Document{Rules: p.Envelope})
	if err != nil {
		return err
	}
	tree, _, err := v.read(nil, false)
	if err != nil {
		return err
	}
	return v.run(rules, tree, StepEnvelope, p.Envelope)
}

// read parses a document once, for both schema and rules: one scan feeds the validation by the schema and the builder
// of the tree. With envelope, both see only the document inside.
func (v *check) read(schema *xsd.Schema, envelope bool) (*xdm.Tree, []xsd.Error, error) {
	doc, events := v.req.Body, 0
	build := xdm.NewBuilderFor(v.names, v.size)
	var run *xsd.Run
	if schema != nil {
		run = schema.NewRun()
	}
	feed := func(e *safe.Event) error {
		if events++; events%eventsAtOnce == 0 && v.ctx.Err() != nil {
			return v.ctx.Err()
		}
		if run != nil {
			run.Event(e)
		}
		return build.Event(e)
	}
	if envelope {
		feed = unwrapped(feed)
	}
	if err := safe.Scan(bytes.NewReader(doc), safe.Document, feed); err != nil {
		return nil, nil, err
	}
	var schemaErrs []xsd.Error
	if run != nil {
		schemaErrs = run.Errors()
	}
	return build.Tree(), schemaErrs, nil
}

// eventsAtOnce is how many events are read between two looks at the context.
const eventsAtOnce = 1 << 12

// unwrapped passes on the business document in an envelope as if there were no envelope: what stands directly in the
// envelope and is not of its namespace, one level up.
func unwrapped(feed func(*safe.Event) error) func(*safe.Event) error {
	inside, done := false, false
	return func(e *safe.Event) error {
		if e.Kind == safe.Element && e.Depth == 1 {
			if inside = e.Name.Space != doctype.NSEnvelope; inside && done {
				return errors.New("there is a second document in the envelope")
			}
			done = done || inside
		}
		if !inside || e.Depth < 1 {
			return nil
		}
		inner := *e
		inner.Depth--
		if e.Kind == safe.End && e.Depth == 1 {
			inside = false
		}
		return feed(&inner)
	}
}

// rootName names the root element of a document for a person.
func rootName(about doctype.About) string {
	if about.Root.Local == "" {
		return "missing"
	}
	return about.Root.Space + "::" + about.Root.Local
}

// load returns the compiled steps of a document type.
func (v *Validator) load(p *pack.Pack, d *pack.Document) (schema *xsd.Schema, rules []*schematron.Schema, err error) {
	if d.XSD != "" {
		s := v.step(p, d.XSD, true)
		if s.err != nil {
			return nil, nil, s.err
		}
		schema = s.schema
	}
	for _, file := range d.Rules {
		s := v.step(p, file, false)
		if s.err != nil {
			return nil, nil, s.err
		}
		rules = append(rules, s.rules)
	}
	return schema, rules, nil
}

func (v *Validator) step(p *pack.Pack, file string, schema bool) *step {
	key := stepKey{p.Name, p.Version, file}
	v.mu.Lock()
	s := v.steps[key]
	if s == nil {
		s = &step{}
		v.steps[key] = s
	}
	set := v.sets[p.Name+"/"+p.Version]
	if set == nil {
		set = xsd.NewSet(p.Files)
		v.sets[p.Name+"/"+p.Version] = set
	}
	v.mu.Unlock()
	s.once.Do(func() {
		if schema {
			s.schema, s.err = set.Load(file)
			return
		}
		src, err := schematron.Load(p.Files, file)
		if err == nil {
			s.rules, err = schematron.Compile(src, v.names, "")
		}
		s.err = err
	})
	return s
}
