package doctype

import (
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
)

// Endpoint is the electronic address of a party as a document writes it: EndpointID of UBL, URIID of Cross Industry
// Invoice. Both fields are bounded and may hold anything.
type Endpoint struct{ Scheme, ID string }

// Names of the parties of documents.
const (
	supplier = "AccountingSupplierParty"
	customer = "AccountingCustomerParty"
	buyer    = "BuyerCustomerParty"
	vendor   = "SellerSupplierParty"
	despatch = "DespatchSupplierParty"
	delivery = "DeliveryCustomerParty"

	tradeSeller = "SellerTradeParty"
	tradeBuyer  = "BuyerTradeParty"
)

// way says by the root element of a document which of its parties sends it and which one it is for. What is not in the
// list is answered with the names that documents without roles use.
func way(root safe.Name) (from, to string) {
	if root.Space == NSInvoice {
		return tradeSeller, tradeBuyer
	}
	if !strings.HasPrefix(root.Space, UBL) {
		return "", ""
	}
	switch root.Local {
	case "Invoice", "CreditNote", "DebitNote", "Reminder":
		return supplier, customer
	case "SelfBilledInvoice", "SelfBilledCreditNote":
		return customer, supplier
	case "Order", "OrderChange", "OrderCancellation":
		return buyer, vendor
	case "OrderResponse", "OrderResponseSimple":
		return vendor, buyer
	case "DespatchAdvice":
		return despatch, delivery
	case "ReceiptAdvice":
		return delivery, despatch
	case "Catalogue":
		return "ProviderParty", "ReceiverParty"
	}
	return "SenderParty", "ReceiverParty"
}

// party is what is found of a party.
type party struct {
	endpoint Endpoint
	country  string // the first that is known
	torn     bool   // it stands there with two addresses
}

// sides follows both parties of a document.
type sides struct {
	from, to     string // their elements
	first, other party  // from and to
	scheme       string // of the address under way
	kind         string // code of the type of an invoice
	any          string // first known country of a party that is a sender in some document
}

// start remembers the scheme of an address.
func (p *sides) start(e *safe.Event) {
	p.scheme = ""
	if e.Name.Local != "EndpointID" && e.Name.Local != "URIID" {
		return
	}
	for _, a := range e.Attrs {
		if a.Name.Is("", "schemeID") && len(a.Value) < maxValue {
			p.scheme = strings.TrimSpace(a.Value)
		}
	}
}

// end looks at an element that ends; path are the open elements with this one.
func (p *sides) end(path []string, name safe.Name, text string, known func(string) bool) {
	level := len(path)
	switch {
	case level == 2 && name.Space == nsCBC && strings.HasSuffix(name.Local, "TypeCode"),
		level == 3 && name.Is(nsRAM, "TypeCode") && path[1] == "ExchangedDocument":
		p.kind = text
	case name.Is(nsCBC, "EndpointID") && (level == 3 || level == 4 && path[2] == "Party"):
		p.of(path[1]).address(Endpoint{p.scheme, text})
	case name.Is(nsRAM, "URIID") && level == 6 && path[4] == "URIUniversalCommunication" && ofInvoice(path):
		p.of(path[3]).address(Endpoint{p.scheme, text})
	case name.Is(nsRAM, "CountryID") && level == 6 && path[4] == "PostalTradeAddress" && ofInvoice(path) && known(text):
		p.of(path[3]).in(text)
	case name.Is(nsCBC, "IdentificationCode") && level > 3 && path[level-2] == "Country" && known(text):
		p.of(path[1]).in(text)
		if p.any == "" && senders[path[1]] {
			p.any = text
		}
	}
}

// ofInvoice reports whether a path leads into the parties of a Cross Industry Invoice.
func ofInvoice(path []string) bool {
	return path[1] == "SupplyChainTradeTransaction" && path[2] == "ApplicableHeaderTradeAgreement"
}

// of returns the party of a name; what is neither of both goes nowhere.
func (p *sides) of(name string) *party {
	switch name {
	case p.from:
		return &p.first
	case p.to:
		return &p.other
	}
	return &party{}
}

func (y *party) address(e Endpoint) {
	y.torn = y.torn || y.endpoint != (Endpoint{}) && y.endpoint != e
	y.endpoint = e
}

func (y *party) in(country string) {
	if y.country == "" {
		y.country = country
	}
}

// found is the address of a party, none if there are two.
func (y *party) found() Endpoint {
	if y.torn {
		return Endpoint{}
	}
	return y.endpoint
}

// tell puts what was found into About. A self-billed invoice is sent by the customer: its customization or profile says
// so. If only the code of its type does, or something else contradicts, who sends it is not known, and nothing is
// guessed (SBDH-034).
func (p *sides) tell(a *About) {
	from, to := &p.first, &p.other
	if p.from == supplier || p.from == tradeSeller {
		switch {
		case strings.Contains(a.Customization, "selfbilling") || strings.Contains(a.Profile, "selfbilling"):
			from, to = to, from
		case selfBilled[p.kind]:
			return
		}
	}
	a.Sender, a.Receiver, a.Country = from.found(), to.found(), from.country
	if p.from == "SenderParty" && a.Country == "" {
		a.Country = p.any
	}
}

// selfBilled are the codes of UNTDID 1001 for invoices and credit notes that the customer writes.
var selfBilled = map[string]bool{
	"261": true, "389": true, "471": true, "473": true, "500": true, "501": true, "502": true, "527": true,
}

// senders are the parties of UBL documents that are C1 in documents of no known way.
var senders = map[string]bool{
	supplier: true, buyer: true, vendor: true, despatch: true, "SenderParty": true, "ProviderParty": true,
}
