// Package xml has no code of its own. The rooms below it are a general XML toolkit without Peppol in it: safe reads foreign XML,
// dsig canonicalizes and verifies signatures, xdm is the data model, xpath evaluates XPath 2.0, regex translates regular
// expressions, xsd checks XML Schema 1.0 and schematron runs rule files. Nothing in them is global or logs.
package xml
