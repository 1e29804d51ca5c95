package store

import "github.com/ravn-ap/ravn/internal/db"

// columns are the columns of message in the order of values and scanMessage.
const columns = `id, tenant, domain, direction, state, version, message_id, conversation_id, as4_time, c2, c3,
	sender, receiver, doctype_scheme, doctype, process_scheme, process, transport, instance_id, creation_time,
	country_c1, mls_to, mls_type, created, accepted, payload_key, payload_length, payload_sha256, payload_mime,
	sealed_key, sealed_length, sealed_sha256, sealed_type, endpoint, peer_cert, digests, content, handed_in,
	document_number, verdict, fault_code, updated, held, possible_duplicate`

// values returns the values of m for an INSERT, all but possible_duplicate.
func (m *Message) values() []any {
	return []any{
		m.ID, m.Tenant, m.Domain, string(m.Direction), string(m.State), m.Version, m.MessageID, m.ConversationID,
		db.Micros(m.Timestamp), string(m.C2), string(m.C3), m.Sender, m.Receiver, m.DocTypeScheme, m.DocType,
		m.ProcessScheme, m.Process, m.Transport, m.InstanceID, m.CreationTime, m.CountryC1, m.MLSTo, m.MLSType,
		db.Micros(m.Created), db.Micros(m.Accepted), m.Payload.Key, m.Payload.Length, m.Payload.sum(), m.PayloadMime,
		m.Sealed.Key, m.Sealed.Length, m.Sealed.sum(), m.SealedType, m.Endpoint, m.PeerCert, m.Digests, m.Content,
		m.HandedIn,
		m.DocumentNumber, m.Verdict, m.FaultCode, db.Micros(m.Updated),
		db.Micros(m.Held),
	}
}

// sum returns the hash for a column, which is NULL when there is no blob.
func (r *BlobRef) sum() []byte {
	if r.IsZero() {
		return nil
	}
	return r.SHA256[:]
}

// scanMessage reads a row of columns.
func scanMessage(row db.Row) (Message, error) {
	var (
		m                               Message
		as4, created, accepted, updated int64
		payload, sealed                 []byte
		held, duplicate                 int64
	)
	err := row.Scan(
		&m.ID, &m.Tenant, &m.Domain, (*string)(&m.Direction), (*string)(&m.State), &m.Version, &m.MessageID,
		&m.ConversationID,
		&as4, (*string)(&m.C2), (*string)(&m.C3), &m.Sender, &m.Receiver, &m.DocTypeScheme, &m.DocType,
		&m.ProcessScheme, &m.Process, &m.Transport, &m.InstanceID, &m.CreationTime, &m.CountryC1, &m.MLSTo, &m.MLSType,
		&created, &accepted, &m.Payload.Key, &m.Payload.Length, &payload, &m.PayloadMime,
		&m.Sealed.Key, &m.Sealed.Length, &sealed, &m.SealedType, &m.Endpoint, &m.PeerCert, &m.Digests, &m.Content,
		&m.HandedIn,
		&m.DocumentNumber, &m.Verdict, &m.FaultCode, &updated, &held, &duplicate,
	)
	m.Timestamp, m.Created, m.Accepted = db.FromMicros(as4), db.FromMicros(created), db.FromMicros(accepted)
	m.Updated, m.Held = db.FromMicros(updated), db.FromMicros(held)
	copy(m.Payload.SHA256[:], payload)
	copy(m.Sealed.SHA256[:], sealed)
	m.PossibleDuplicate = duplicate != 0
	return m, err
}
