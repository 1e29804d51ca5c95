// Package xml is the root of a general XML toolkit and has no code of its own. Below it safe reads XML that others
// wrote, dsig canonicalizes and verifies signatures, xdm is the tree that xpath evaluates XPath 2.0 on, regex
// translates regular expressions, xsd validates by XML Schema 1.0 and schematron runs rule files. None of it knows
// Peppol, keeps global state or logs; each package has an example.
package xml
