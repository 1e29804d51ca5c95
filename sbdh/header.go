package sbdh

import (
	"strings"

	"github.com/ravn-ap/ravn/internal/datetime"
	"github.com/ravn-ap/ravn/peppol"
)

// parse reads the header element and checks it (sbdh.md §2, SBDH-004 to SBDH-021, SBDH-039, SBDH-045, SBDH-047).
func parse(head *element) (*Header, error) {
	p := &parser{}
	h := &Header{}
	p.counts(head)
	if p.err == nil {
		p.conform(head, head.name.Local)
	}
	if p.err != nil {
		return nil, p.err
	}
	if head.leaf("HeaderVersion") != "1.0" {
		return nil, bad("invalid-header-version", "SBDH-004", "HeaderVersion is not 1.0")
	}
	h.Sender = p.participant(head.child("Sender"), "sender")
	h.Receiver = p.participant(head.child("Receiver"), "receiver")
	p.identification(h, head.child("DocumentIdentification"))
	p.scopes(h, head.child("BusinessScope"))
	if p.err != nil {
		return nil, p.err
	}
	h.Warnings, h.Ignored = p.warnings, p.ignored
	return h, nil
}

// parser keeps the first error and the warnings.
type parser struct {
	err      error
	warnings []string
	ignored  []string
}

func (p *parser) fail(e *Error) {
	if p.err == nil {
		p.err = e
	}
}

func (p *parser) warn(s string) { p.warnings = append(p.warnings, s) }

// child returns the first child of e with this name; the schema has said that there is one, or whether.
func (e *element) child(name string) *element {
	for _, k := range e.kids {
		if k.name.Is(NS, name) {
			return k
		}
	}
	return nil
}

// leaf returns the trimmed text of a child, "" if there is none.
func (e *element) leaf(name string) string {
	k := e.child(name)
	if k == nil {
		return ""
	}
	return strings.Trim(k.text.String(), white)
}

// counts names what is missing or too many in the words of the reference implementation (sbdh.md §7).
func (p *parser) counts(head *element) {
	count := map[string]int{}
	for _, k := range head.kids {
		count[k.name.Local]++
	}
	switch {
	case count["Sender"] != 1:
		p.fail(bad("invalid-sender-count", "SBDH-005", "want one Sender, have %d", count["Sender"]))
	case count["Receiver"] != 1:
		p.fail(bad("invalid-receiver-count", "SBDH-005", "want one Receiver, have %d", count["Receiver"]))
	case count["BusinessScope"] == 0:
		p.fail(bad("business-scope-missing", "SBDH-011", "the BusinessScope is missing"))
	}
	if scope := head.child("BusinessScope"); scope != nil && len(scope.kids) > maxScopes {
		p.fail(bad("invalid-scope-count", "SBDH-047", "more than %d scopes", maxScopes))
	}
	p.essentials(head)
}

// essentials names what is missing or malformed inside, likewise.
func (p *parser) essentials(head *element) {
	for _, who := range [...]struct{ name, keyword string }{{"Sender", "sender"}, {"Receiver", "receiver"}} {
		if e := head.child(who.name); e != nil && e.child("Identifier") == nil {
			p.fail(bad("invalid-"+who.keyword+"-count", "SBDH-005", "want one Identifier of the %s", who.keyword))
		}
	}
	if e := head.child("DocumentIdentification"); e != nil {
		_, _, err := datetime.Parse(e.leaf("CreationDateAndTime"))
		if err != nil && e.child("CreationDateAndTime") != nil {
			p.fail(bad("invalid-creation-date-time", "SBDH-010", "CreationDateAndTime is not an xs:dateTime"))
		}
	}
}

// value returns the trimmed text of a leaf.
func (p *parser) value(e *element) string {
	if len(e.kids) > 0 || e.text.Len() > maxValue {
		p.fail(bad("invalid-sbd-xml", "SBDH-047", "%s is too long or has elements inside", e.name.Local))
		return ""
	}
	return strings.Trim(e.text.String(), white)
}

func (p *parser) participant(e *element, who string) peppol.ParticipantID {
	authority := ""
	for _, a := range e.child("Identifier").attrs {
		if a.Name.Is("", "Authority") {
			authority = a.Value
		}
	}
	if authority != peppol.SchemeParticipant {
		p.fail(bad("invalid-"+who+"-authority", "SBDH-005", "the Authority of the %s is not %s", who,
			peppol.SchemeParticipant))
	}
	v := e.leaf("Identifier")
	if strings.Contains(v, "::") {
		v = "" // the scheme is given in Authority only
	}
	id, err := peppol.ParseParticipant(v)
	if err != nil {
		p.fail(&Error{
			Keyword: "invalid-" + who + "-value", Rule: "SBDH-005",
			Msg: "the identifier of the " + who + " is malformed", Err: err,
		})
	}
	return id
}

func (p *parser) identification(h *Header, e *element) {
	h.Standard, h.TypeVersion, h.Type = e.leaf("Standard"), e.leaf("TypeVersion"), e.leaf("Type")
	if h.InstanceID = e.leaf("InstanceIdentifier"); h.InstanceID == "" || len(h.InstanceID) > maxInstance {
		const text = "InstanceIdentifier must have 1 to %d characters"
		p.fail(bad("invalid-instance-identifier", "SBDH-008", text, maxInstance))
	}
	h.Created = e.leaf("CreationDateAndTime")
	if _, zoned, _ := datetime.Parse(h.Created); !zoned {
		p.warn("CreationDateAndTime has no time zone (SBDH-010)")
	}
}

// scopes reads BusinessScope: three mandatory scopes, the two of MLS, and free attributes.
func (p *parser) scopes(h *Header, e *element) {
	seen := map[string]bool{}
	for _, k := range e.kids {
		s := Scope{Type: k.leaf("Type"), Value: k.leaf("InstanceIdentifier"), Identifier: k.leaf("Identifier")}
		if seen[s.Type] {
			if reserved[s.Type] {
				p.fail(bad("invalid-scope-count", "SBDH-012", "two scopes of type %s", s.Type))
				return
			}
			p.warn("a free attribute stands twice, the first one counts (SBDH-012)")
			continue
		}
		seen[s.Type] = true
		p.apply(h, s, k.child("Identifier") != nil)
	}
	for _, need := range [...]struct{ scope, keyword string }{
		{"DOCUMENTID", "missing-document-type-identifier"},
		{"PROCESSID", "missing-process-identifier"},
		{"COUNTRY_C1", "missing-country-c1"},
	} {
		if !seen[need.scope] {
			p.fail(bad(need.keyword, "SBDH-011", "the scope %s is missing", need.scope))
		}
	}
}

// apply puts one scope into the header; hasID tells whether it has an Identifier.
func (p *parser) apply(h *Header, s Scope, hasID bool) {
	var err error
	switch s.Type {
	case "DOCUMENTID":
		scheme := s.Identifier
		if !hasID {
			scheme = peppol.SchemeBusdox // SBDH-013
		}
		if h.DocType, err = peppol.NewDocType(scheme, s.Value); err != nil {
			p.fail(&Error{
				Keyword: "invalid-document-type-identifier", Rule: "SBDH-013",
				Msg: "the document type is malformed", Err: err,
			})
		} else if h.DocType.Customization() == "" {
			p.warn("the document type has no customization (DISC-103)")
		}
	case "PROCESSID":
		scheme := s.Identifier
		if !hasID {
			scheme = peppol.SchemeProcess // SBDH-014
		}
		if h.Process, err = peppol.NewProcess(scheme, s.Value); err != nil {
			p.fail(&Error{
				Keyword: "invalid-process-identifier", Rule: "SBDH-014", Msg: "the process is malformed",
				Err: err,
			})
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
