package xpath

import (
	"math"
	"math/big"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// Type is a type of items. The atomic ones are those of XML Schema.
type Type uint8

// Types of items.
const (
	NoType  Type = iota
	NodeT        // a node
	Untyped      // xs:untypedAtomic: what a node's value is without a schema
	String
	Boolean
	Integer
	Decimal
	Double
	Float
	Date
	Time
	DateTime
	Duration // xs:dayTimeDuration
	Months   // xs:yearMonthDuration
	AnyAtomic
	// Types derived from these: derived.go. No Item has one as its Type.
)

var typeNames = map[string]Type{
	"untypedAtomic": Untyped, "string": String, "boolean": Boolean,
	"integer": Integer, "decimal": Decimal, "double": Double, "float": Float,
	"date": Date, "time": Time, "dateTime": DateTime, "dayTimeDuration": Duration, "yearMonthDuration": Months,
	"anyAtomicType": AnyAtomic,

	"nonPositiveInteger": nonPositiveInteger, "negativeInteger": negativeInteger,
	"nonNegativeInteger": nonNegativeInteger, "positiveInteger": positiveInteger,
	"long": long, "int": int32Type, "short": short, "byte": byteType,
	"unsignedLong": unsignedLong, "unsignedInt": unsignedInt, "unsignedShort": unsignedShort,
	"unsignedByte":     unsignedByte,
	"normalizedString": normalizedString, "token": tokenType, "language": languageType, "NMTOKEN": nmtoken,
	"Name": nameType, "NCName": ncName, "ID": idType, "IDREF": idref, "ENTITY": entity, "anyURI": anyURI,
}

func typeByName(n qname) (Type, bool) {
	t, ok := typeNames[n.local]
	return t, ok && n.space == nsXS
}

func (t Type) String() string {
	for name, v := range typeNames {
		if v == t {
			return "xs:" + name
		}
	}
	return "node()"
}

func (t Type) numeric() bool { return t >= Integer && t <= Float }

func (t Type) duration() bool { return t == Duration || t == Months }

// floating reports whether values are binary floating point numbers.
func (t Type) floating() bool { return t == Double || t == Float }

// Item is one item of a sequence. It is a value, not an interface, so that the stack of an Evaluation holds items
// without an allocation for each; numbers of any size and times are behind pointers, because they are rare.
type Item struct {
	Type  Type
	sub   Type      // the derived type, such as xs:int, of which Type is the base; else NoType
	scale int32     // Integer, Decimal: decimal places
	n     int64     // node and its tree (document.go), boolean, unscaled number, bits of a double
	s     string    // String, Untyped
	big   *big.Int  // Integer, Decimal: unscaled number that does not fit n
	when  *temporal // Date, Time, DateTime, Duration
}

func stringItem(s string) Item  { return Item{Type: String, s: s} }
func untypedItem(s string) Item { return Item{Type: Untyped, s: s} }
func intItem(n int64) Item      { return Item{Type: Integer, n: n} }
func doubleItem(f float64) Item { return Item{Type: Double, n: int64(math.Float64bits(f))} }
func floatItem(f float64) Item {
	return Item{Type: Float, n: int64(math.Float64bits(float64(float32(f))))}
}
func numItem(t Type, d decimal) Item { return Item{Type: t, n: d.n, big: d.big, scale: d.scale} }
func timeItem(t Type, w *temporal) Item {
	return Item{Type: t, when: w}
}

func boolItem(b bool) Item {
	if b {
		return Item{Type: Boolean, n: 1}
	}
	return Item{Type: Boolean}
}

// Node returns the node of an item of type NodeT; of which tree, the Evaluation knows.
func (i *Item) Node() xdm.Node { return xdm.Node(i.n) }

func (i *Item) float() float64 { return math.Float64frombits(uint64(i.n)) }
func (i *Item) dec() decimal   { return decimal{n: i.n, big: i.big, scale: i.scale} }

// realItem makes an item of a floating type.
func realItem(t Type, f float64) Item {
	if t == Float {
		return floatItem(f)
	}
	return doubleItem(f)
}

// double returns the value of a numeric item as xs:double.
func (i *Item) double() float64 {
	if i.Type.floating() {
		return i.float()
	}
	return i.dec().float()
}

// lexical returns the string value of an atomic item (XPath Functions §17.1.2).
func (i *Item) lexical() string {
	switch i.Type {
	case String, Untyped:
		return i.s
	case Boolean:
		if i.n != 0 {
			return "true"
		}
		return "false"
	case Integer, Decimal:
		return i.dec().String()
	case Double:
		return formatDouble(i.float(), 64)
	case Float:
		return formatDouble(i.float(), 32)
	}
	return i.when.lexical(i.Type)
}
