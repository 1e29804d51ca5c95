package sbdh

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/internal/datetime"
	"github.com/ravn-ap/ravn/xml/safe"
)

// What the header may hold: the UN/CEFACT schema 1.3, but for a second Sender or Receiver (SBDH-005). The Peppol subset
// (sbdh.md §2) leaves some of it out; that is read, remarked and ignored (SBDH-039 in design.md §3).

// complexType is an element's content: other elements in their order, or a text.
type complexType struct {
	parts []particle // nil for a text
	attrs []string   // names of its attributes
	valid func(text string) bool
}

// particle is an element inside another one.
type particle struct {
	name     string // of the element
	typ      string
	min, max int      // how often; max 0 is without limit
	extra    bool     // not in the Peppol subset
	or       []string // further elements that may stand at this place, each of the type of its name
}

// schema is the table of types.
var schema = map[string]complexType{
	"StandardBusinessDocumentHeader": {parts: []particle{
		{name: "HeaderVersion", typ: "string", min: 1, max: 1},
		{name: "Sender", typ: "Partner", min: 1, max: 1},
		{name: "Receiver", typ: "Partner", min: 1, max: 1},
		{name: "DocumentIdentification", typ: "DocumentIdentification", min: 1, max: 1},
		{name: "Manifest", typ: "Manifest", max: 1, extra: true},
		{name: "BusinessScope", typ: "BusinessScope", min: 1, max: 1},
	}},
	"Partner": {parts: []particle{
		{name: "Identifier", typ: "PartnerIdentification", min: 1, max: 1},
		{name: "ContactInformation", typ: "ContactInformation", extra: true},
	}},
	"PartnerIdentification": {attrs: []string{"Authority"}},
	"ContactInformation": {parts: []particle{
		{name: "Contact", typ: "string", min: 1, max: 1},
		{name: "EmailAddress", typ: "string", max: 1},
		{name: "FaxNumber", typ: "string", max: 1},
		{name: "TelephoneNumber", typ: "string", max: 1},
		{name: "ContactTypeIdentifier", typ: "string", max: 1},
	}},
	"DocumentIdentification": {parts: []particle{
		{name: "Standard", typ: "string", min: 1, max: 1},
		{name: "TypeVersion", typ: "string", min: 1, max: 1},
		{name: "InstanceIdentifier", typ: "string", min: 1, max: 1},
		{name: "Type", typ: "string", min: 1, max: 1},
		{name: "MultipleType", typ: "boolean", max: 1, extra: true},
		{name: "CreationDateAndTime", typ: "dateTime", min: 1, max: 1},
	}},
	"Manifest": {parts: []particle{
		{name: "NumberOfItems", typ: "integer", min: 1, max: 1},
		{name: "ManifestItem", typ: "ManifestItem", min: 1},
	}},
	"ManifestItem": {parts: []particle{
		{name: "MimeTypeQualifierCode", typ: "MimeTypeQualifier", min: 1, max: 1},
		{name: "UniformResourceIdentifier", typ: "anyURI", min: 1, max: 1},
		{name: "Description", typ: "string", max: 1},
		{name: "LanguageCode", typ: "Language", max: 1},
	}},
	"BusinessScope": {parts: []particle{{name: "Scope", typ: "Scope"}}},
	"Scope": {parts: []particle{
		{name: "Type", typ: "string", min: 1, max: 1},
		{name: "InstanceIdentifier", typ: "string", min: 1, max: 1},
		{name: "Identifier", typ: "string", max: 1},
		{or: []string{"CorrelationInformation", "BusinessService"}, extra: true},
	}},
	"CorrelationInformation": {parts: []particle{
		{name: "RequestingDocumentCreationDateTime", typ: "dateTime", max: 1},
		{name: "RequestingDocumentInstanceIdentifier", typ: "string", max: 1},
		{name: "ExpectedResponseDateTime", typ: "dateTime", max: 1},
	}},
	"BusinessService": {parts: []particle{
		{name: "BusinessServiceName", typ: "string", max: 1},
		{name: "ServiceTransaction", typ: "ServiceTransaction", max: 1},
	}},
	"ServiceTransaction": {parts: []particle{}, attrs: []string{
		typeOfService, "IsNonRepudiationRequired", "IsAuthenticationRequired",
		"IsNonRepudiationOfReceiptRequired", "IsIntelligibleCheckRequired", "IsApplicationErrorResponseRequested",
		"TimeToAcknowledgeReceipt", "TimeToAcknowledgeAcceptance", "TimeToPerform", "Recurrence",
	}},
	"MimeTypeQualifier": {}, "Language": {}, "string": {},
	"anyURI":   {valid: func(s string) bool { _, err := url.Parse(s); return err == nil }},
	"boolean":  {valid: regexp.MustCompile(`^(true|false|1|0)$`).MatchString},
	"integer":  {valid: regexp.MustCompile(`^[+-]?\d+$`).MatchString},
	"dateTime": {valid: func(s string) bool { _, _, err := datetime.Parse(s); return err == nil }},
}

// typeOfService is the one attribute with a list of values.
const typeOfService = "TypeOfServiceTransaction"

// conform checks an element of a type, and everything inside, and notes what the Peppol subset leaves out.
func (p *parser) conform(e *element, typ string) {
	t := schema[typ]
	p.attributes(e, typ, t.attrs)
	if t.parts == nil {
		if text := p.value(e); t.valid != nil && p.err == nil && !t.valid(text) {
			p.fail(bad("invalid-sbd-xml", "SBDH-039", "%s is not of the type %s", e.name.Local, typ))
		}
		return
	}
	if !blank(e.text.String()) {
		p.fail(bad("invalid-sbd-xml", "SBDH-039", "text between the elements of %s", e.name.Local))
	}
	kids := e.kids
	for i := range t.parts {
		kids = p.take(e, &t.parts[i], kids)
	}
	if len(kids) > 0 {
		p.fail(bad("invalid-sbd-xml", "SBDH-039", "%s has an element too many, or out of order", e.name.Local))
	}
}

// take takes as many of the children as belong to a particle, and returns the rest.
func (p *parser) take(e *element, part *particle, kids []*element) (rest []*element) {
	n := 0
	for n < len(kids) && (part.max == 0 || n < part.max) && p.err == nil {
		typ := part.typeOf(kids[n].name)
		if typ == "" {
			break
		}
		if part.extra {
			p.ignore(kids[n].name.Local)
		}
		p.conform(kids[n], typ)
		n++
	}
	if n < part.min {
		p.fail(bad("invalid-sbd-xml", "SBDH-039", "%s needs %s at its place", e.name.Local, part.name))
	}
	return kids[n:]
}

// typeOf is the type of an element at this place, "" for one that has no business there.
func (part *particle) typeOf(name safe.Name) string {
	switch {
	case name.Space != NS:
		return ""
	case slices.Contains(part.or, name.Local):
		return name.Local
	case name.Local == part.name:
		return part.typ
	}
	return ""
}

// nsInstance is the namespace of attributes that any element may have.
const nsInstance = "http://www.w3.org/2001/XMLSchema-instance"

// attributes checks that an element has only attributes of its type. Those that point to schemas mean nothing to us;
// a type of its own must be the one that it has anyway.
func (p *parser) attributes(e *element, typ string, allowed []string) {
	for _, a := range e.attrs {
		switch {
		case a.Name.Space == "" && a.Name.Local == typeOfService && slices.Contains(allowed, typeOfService):
			if a.Value == "RequestingServiceTransaction" || a.Value == "RespondingServiceTransaction" {
				continue
			}
		case a.Name.Space == "" && slices.Contains(allowed, a.Name.Local):
			continue
		case a.Name.Is(nsInstance, "schemaLocation"), a.Name.Is(nsInstance, "noNamespaceSchemaLocation"):
			continue
		case a.Name.Is(nsInstance, "type"):
			_, local, prefixed := strings.Cut(strings.Trim(a.Value, white), ":")
			if local == typ || !prefixed && strings.Trim(a.Value, white) == typ {
				continue
			}
		}
		p.fail(bad("invalid-sbd-xml", "SBDH-039", "%s has an attribute that it must not have", e.name.Local))
	}
}

// ignore notes an element that the Peppol subset leaves out, once of each name.
func (p *parser) ignore(name string) {
	if !slices.Contains(p.ignored, name) {
		p.ignored = append(p.ignored, name)
		p.warn(name + " is not part of the Peppol envelope and is ignored (SBDH-039)")
	}
}
