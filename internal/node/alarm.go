package node

import (
	"errors"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/internal/fault"
)

// alarms are the errors that an operator must look at, with their names for the field "alarm" of a log line.
var alarms = map[fault.Code]string{
	fault.ListenFailed:     "listener_failed",
	fault.WrongDatabase:    "wrong_database",
	fault.PayloadDamaged:   "payload_damaged",
	fault.PayloadMissing:   "payload_missing",
	fault.PayloadsUnknown:  "payloads_unknown",
	fault.PayloadRescued:   "payload_rescued",
	fault.Quarantined:      "quarantined",
	fault.DeliveryConflict: "delivery_conflict",
	fault.ColumnsMissing:   "columns_missing",
	fault.ReceiverGone:     "receiver_gone",
	fault.GivenUp:          "given_up",
	fault.PickupBlocked:    "pickup_blocked",
	fault.GivenUpUnclear:   "given_up",
}

// failure begins the log line for an error. If it is an alarm, the line has the name.
func (n *Node) failure(err error) *zerolog.Event {
	ev := n.opts.Log.Error().Err(err)
	var coded *fault.Error
	if errors.As(err, &coded) {
		ev = ev.Str("code", string(coded.Code))
		if name := alarms[coded.Code]; name != "" {
			ev = ev.Str("alarm", name)
		}
	}
	return ev
}
