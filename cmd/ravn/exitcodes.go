package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// Sentences of exitCodes that several commands share.
const (
	exitRecord = "0 done; 2 wrong usage or configuration; 3 the record could not be read or written."
	exitShown  = "0 shown; 2 wrong usage or configuration; 3 the record could not be read."
	exitConfig = "0 shown; 2 wrong usage or configuration."
	exitPrint  = "0 shown; 2 wrong usage."
	exitRules  = "0 done; 2 wrong usage, or the rules cannot be used."
	exitGroup  = "0 this help; 2 there is no such command."
	exitAlone  = "0 done; 2 wrong usage; 3 it could not be finished."
	exitTaken  = "0 done; 1 the customers cannot be changed like that, nothing was; 2 wrong usage or configuration; " +
		"3 the record could not be\nread or written."
)

// exitCodes says for each command, by its path, what its exit codes mean (design.md §2). Commands whose help has a
// longer text about them do not stand here.
var exitCodes = map[string]string{
	"alerts list": "0 nothing presses; 1 an alert of severity warn or page is open that nobody has acknowledged or " +
		"silenced, or a channel\ncannot send; 2 wrong usage or configuration; 3 the record could not be read.",
	"alerts ack": "0 done; 1 there is no such open alert; 2 wrong usage or configuration; 3 the record could not be " +
		"written.",
	"alerts silence": "0 done; 1 there is no such open alert; 2 wrong usage or configuration; 3 the record could not " +
		"be written.",
	"alerts test": "0 sent; 2 wrong usage or configuration; 3 a channel could not send.",
	"routes list": exitConfig, "backends list": exitConfig,
	"routes test": "0 a route matches, and with --send its backend works; 1 no route matches; 2 wrong usage or " +
		"configuration, or with\n--send the backend does not work.",
	"backends test": "0 it works; 2 it does not, or wrong usage or configuration.",
	"bench":         exitAlone,
	"bench send":    exitAlone, "demo": exitAlone, "localnet": exitAlone, "gentestdata": exitAlone,
	"version": exitPrint, "config doc": exitPrint, "types": exitPrint, "rules core": exitPrint,
	"participants add": exitRecord, "participants import": exitRecord, "participants remove": exitRecord,
	"participants list": exitShown,
	"customers list":    exitShown, "customers export": exitShown, "customers history": exitShown,
	"customers set": exitTaken, "customers import": exitTaken, "customers release": exitTaken,
	"customers worklist": "0 every country is known; 1 one is not, so the month cannot be closed; 2 wrong usage or " +
		"configuration; 3 the record\ncould not be read.",
	"data check": "0 they belong together and nothing is missing; 1 payloads are missing or unknown; 2 they " +
		"do not belong together, or\nwrong usage or configuration; 3 the record could not be read.",
	"data adopt": "0 done; 1 done, but payloads are missing or unknown; 2 nothing was done: --yes is " +
		"missing, or wrong usage or\nconfiguration; 3 the record could not be written.",
	"data collect": "0 done; 2 nothing was done: --yes is missing, folder and database do not belong together, " +
		"or wrong usage or\nconfiguration; 3 the record could not be read.",
	"lookup": "0 it is registered; 1 it is not, or its metadata cannot be trusted; 2 wrong usage or " +
		"configuration; 3 it could not be\nlooked up now, which says nothing about the receiver.",
	"queue list": "0 nothing needs a decision; 1 something was given up or quarantined and needs one, for " +
		"example ravn queue retry; 2 wrong\nusage or configuration; 3 the record could not be read, or there is more " +
		"than --limit shows.",
	"quickstart": "0 written; 2 wrong usage, or what would be written fails its own check; nothing is left " +
		"behind then.",
	"report archive": exitShown, "report rows": exitShown,
	"report diff": "0 no number differs; 1 one does; 2 there is no such revision, or wrong usage or " +
		"configuration; 3 the record could not be\nread.",
	"report export": "0 written; 1 the rows do not come to the numbers; 2 wrong usage or configuration; 3 the " +
		"record could not be read.",
	"report preview": "0 every end user has a country; 1 those without are listed; 2 wrong usage or configuration; 3 " +
		"the record could not be\nread.",
	"report send": "0 all are sent; otherwise that of the first failure: 1 refused, or OpenPeppol is not " +
		"registered for it; 2 wrong usage or\nconfiguration, or the month has no reports; 3 not now, or the outcome " +
		"is not known.",
	"report status": "0 nothing presses; 1 a deadline that is not met is less than five days away, or over; 2 wrong " +
		"usage or configuration; 3 the\nrecord could not be read.",
	"report verify": "0 everything agrees; 1 something does not; 2 wrong usage or configuration; 3 the record could " +
		"not be read.",
	"rules alarms":  "0 no alarm; 1 alarms; 2 wrong usage or configuration; 3 the record could not be read.",
	"rules install": exitRules, "rules list": exitRules, "rules remove": exitRules,
	"verify": "0 everything is as it must be; 1 something is not, and is named; 2 wrong usage or configuration; 3 " +
		"the record could not\nbe read.",
	"send": "0 the receipt is verified and stored, or with --no-wait the document is on record; of many the " +
		"highest of\nall; 1 it certainly did not arrive: refused, not registered, given up, cancelled, or the " +
		"document cannot be\nread or is invalid; 2 wrong usage or configuration; 3 not sent now, or it may have " +
		"arrived; the text says\nwhat happens next.",
}

// addExitCodes puts the exit codes at the end of the help of each command.
func addExitCodes(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		addExitCodes(sub)
	}
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	text, ok := exitCodes[path]
	if !ok && cmd.HasParent() && cmd.HasSubCommands() && !strings.Contains(cmd.Long, "Exit codes:") {
		text, ok = exitGroup, true
	}
	if !ok {
		return
	}
	if cmd.Long == "" {
		cmd.Long = cmd.Short + "."
	}
	cmd.Long = strings.TrimRight(cmd.Long, "\n") + "\n\nExit codes: " + text
}
