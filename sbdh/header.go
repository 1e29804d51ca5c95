package sbdh

import (
	"regexp"
	"strings"

	"github.com/ravn-ap/ravn/peppol"
)

// parse reads the header element and checks it (sbdh.md §2, SBDH-004 to SBDH-021, SBDH-045, SBDH-047).
func parse(head *element) (*Header, error) {
	p := &parser{}
	h := &Header{}
	kids := p.children(head, "HeaderVersion", "Sender", "Receiver", "DocumentIdentification", "BusinessScope")
	if p.err != nil {
		return nil, p.err
	}
	if v := p.value(kids[0]); v != "1.0" && p.err == nil {
		p.err = bad("invalid-header-version", "SBDH-004", "HeaderVersion is not 1.0")
	}
	h.Sender = p.participant(kids[1], "sender")
	h.Receiver = p.participant(kids[2], "receiver")
	p.identification(h, kids[3])
	p.scopes(h, kids[4])
	if p.err != nil {
		return nil, p.err
	}
	h.Warnings = p.warnings
	return h, nil
}

// parser keeps the first error and the warnings.
type parser struct {
	err      error
	warnings []string
}

func (p *parser) fail(e *Error) {
	if p.err == nil {
		p.err = e
	}
}

func (p *parser) warn(s string) { p.warnings = append(p.warnings, s) }

// children returns the children of e, which must be exactly these in this order.
func (p *parser) children(e *element, names ...string) []*element {
	want := strings.Join(names, ", ")
	if len(e.kids) != len(names) {
		p.fail(bad(countKeyword(e, names), "SBDH-039", "%s must hold %s", e.name.Local, want))
		return make([]*element, len(names))
	}
	for i, k := range e.kids {
		if !k.name.Is(NS, names[i]) {
			p.fail(bad(countKeyword(e, names), "SBDH-039", "%s must hold %s", e.name.Local, want))
		}
	}
	return e.kids
}

// countKeyword names the check that a wrong set of children breaks, in the words of the reference implementation.
func countKeyword(e *element, names []string) string {
	if names[0] != "HeaderVersion" {
		return "invalid-sbd-xml"
	}
	count := map[string]int{}
	for _, k := range e.kids {
		count[k.name.Local]++
	}
	switch {
	case count["Sender"] != 1:
		return "invalid-sender-count"
	case count["Receiver"] != 1:
		return "invalid-receiver-count"
	case count["BusinessScope"] == 0:
		return "business-scope-missing"
	}
	return "invalid-sbd-xml"
}

// value returns the trimmed text of a leaf.
func (p *parser) value(e *element) string {
	if e == nil {
		return ""
	}
	if len(e.kids) > 0 || e.text.Len() > maxValue {
		p.fail(bad("invalid-sbd-xml", "SBDH-047", "%s is too long or has elements inside", e.name.Local))
		return ""
	}
	return strings.Trim(e.text.String(), " \t\r\n")
}

func (p *parser) participant(e *element, who string) peppol.ParticipantID {
	if p.err != nil {
		return peppol.ParticipantID{}
	}
	if len(e.kids) != 1 || !e.kids[0].name.Is(NS, "Identifier") {
		p.fail(bad("invalid-"+who+"-count", "SBDH-005", "want exactly one Identifier of the %s", who))
		return peppol.ParticipantID{}
	}
	authority := ""
	for _, a := range e.kids[0].attrs {
		if a.Name.Is("", "Authority") {
			authority = a.Value
		}
	}
	if authority != peppol.SchemeParticipant {
		p.fail(bad("invalid-"+who+"-authority", "SBDH-005", "the Authority of the %s is not %s", who, peppol.SchemeParticipant))
	}
	v := p.value(e.kids[0])
	if strings.Contains(v, "::") {
		v = "" // the scheme is given in Authority only
	}
	id, err := peppol.ParseParticipant(v)
	if err != nil {
		p.fail(&Error{Keyword: "invalid-" + who + "-value", Rule: "SBDH-005", Msg: "the identifier of the " + who + " is malformed", Err: err})
	}
	return id
}

var dateTime = regexp.MustCompile(`^-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?$`)

func (p *parser) identification(h *Header, e *element) {
	if p.err != nil {
		return
	}
	kids := p.children(e, "Standard", "TypeVersion", "InstanceIdentifier", "Type", "CreationDateAndTime")
	if p.err != nil {
		return
	}
	h.Standard, h.TypeVersion, h.Type = p.value(kids[0]), p.value(kids[1]), p.value(kids[3])
	if h.InstanceID = p.value(kids[2]); h.InstanceID == "" || len(h.InstanceID) > maxInstance {
		p.fail(bad("invalid-instance-identifier", "SBDH-008", "InstanceIdentifier must have 1 to %d characters", maxInstance))
	}
	h.Created = p.value(kids[4])
	m := dateTime.FindStringSubmatch(h.Created)
	switch {
	case m == nil:
		p.fail(bad("invalid-creation-date-time", "SBDH-010", "CreationDateAndTime is not an xs:dateTime"))
	case m[2] == "":
		p.warn("CreationDateAndTime has no time zone (SBDH-010)")
	}
}

// scopes reads BusinessScope: three mandatory scopes, the two of MLS, and free attributes.
func (p *parser) scopes(h *Header, e *element) {
	if p.err != nil {
		return
	}
	if len(e.kids) > maxScopes {
		p.fail(bad("invalid-scope-count", "SBDH-047", "more than %d scopes", maxScopes))
	}
	seen := map[string]bool{}
	for _, k := range e.kids {
		s, ok := p.scope(k)
		if p.err != nil {
			return
		}
		if seen[s.Type] {
			if reserved[s.Type] {
				p.fail(bad("invalid-scope-count", "SBDH-012", "two scopes of type %s", s.Type))
				return
			}
			p.warn("a free attribute stands twice, the first one counts (SBDH-012)")
			continue
		}
		seen[s.Type] = true
		p.apply(h, s, ok)
	}
	for _, need := range [...]struct{ scope, keyword string }{
		{"DOCUMENTID", "missing-document-type-identifier"}, {"PROCESSID", "missing-process-identifier"}, {"COUNTRY_C1", "missing-country-c1"},
	} {
		if !seen[need.scope] {
			p.fail(bad(need.keyword, "SBDH-011", "the scope %s is missing", need.scope))
		}
	}
}

// scope reads one Scope; hasID tells whether it has an Identifier.
func (p *parser) scope(e *element) (s Scope, hasID bool) {
	if !e.name.Is(NS, "Scope") || len(e.kids) < 2 || len(e.kids) > 3 ||
		!e.kids[0].name.Is(NS, "Type") || !e.kids[1].name.Is(NS, "InstanceIdentifier") || len(e.kids) == 3 && !e.kids[2].name.Is(NS, "Identifier") {
		p.fail(bad("invalid-sbd-xml", "SBDH-039", "a Scope must hold Type, InstanceIdentifier and at most one Identifier"))
		return s, false
	}
	s.Type, s.Value = p.value(e.kids[0]), p.value(e.kids[1])
	if len(e.kids) == 3 {
		s.Identifier, hasID = p.value(e.kids[2]), true
	}
	return s, hasID
}

// apply stores one scope in the header.
func (p *parser) apply(h *Header, s Scope, hasID bool) {
	var err error
	switch s.Type {
	case "DOCUMENTID":
		scheme := s.Identifier
		if !hasID {
			scheme = peppol.SchemeBusdox // SBDH-013
		}
		if h.DocType, err = peppol.NewDocType(scheme, s.Value); err != nil {
			p.fail(&Error{Keyword: "invalid-document-type-identifier", Rule: "SBDH-013", Msg: "the document type is malformed", Err: err})
		}
	case "PROCESSID":
		scheme := s.Identifier
		if !hasID {
			scheme = peppol.SchemeProcess // SBDH-014
		}
		if h.Process, err = peppol.NewProcess(scheme, s.Value); err != nil {
			p.fail(&Error{Keyword: "invalid-process-identifier", Rule: "SBDH-014", Msg: "the process is malformed", Err: err})
		}
	case "COUNTRY_C1":
		if h.CountryC1 = s.Value; !peppol.ValidCountryForm(s.Value) {
			p.fail(bad("invalid-country-c1", "SBDH-015", "COUNTRY_C1 is not two capital letters or digits"))
		}
	case "MLS_TO":
		id, err := peppol.ParseParticipant(s.Value)
		if err != nil || !strings.HasPrefix(id.Value(), "0242:") || s.Identifier != peppol.SchemeParticipant {
			p.warn("MLS_TO is invalid and ignored (SBDH-045)")
			return
		}
		h.MLSTo = id.Value()
	case "MLS_TYPE":
		if s.Value != MLSFailureOnly && s.Value != MLSAlwaysSend {
			p.warn("MLS_TYPE is invalid, FAILURE_ONLY applies (SBDH-045)")
			return
		}
		h.MLSType = s.Value
	case "COUNTRY_C4", "TECHNICAL_VALIDATION_URL", "TECHNICAL_VALIDATION_REQUIRED":
		p.warn("the reserved scope " + s.Type + " is ignored (SBDH-019)")
	default:
		h.Attributes = append(h.Attributes, s)
	}
}
