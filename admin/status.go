package admin

import "time"

// StatusRequest asks for the state of the gateway.
type StatusRequest struct{}

// Status is the state of a running gateway. While it starts, there is only what is known by then. It has no secrets.
type Status struct {
	// The version of the program.
	Version string `json:"version"`
	// The process.
	PID int `json:"pid"`
	// When it was started.
	Started time.Time `json:"started"`
	// Whether it takes calls, and what warnings there are.
	Readiness Readiness `json:"readiness"`
	// What it runs.
	Configuration ConfigurationStatus `json:"configuration"`
	// Where callers and operators reach it.
	Listeners []ListenerStatus `json:"listeners"`
	// Where calls go.
	Upstreams []UpstreamStatus `json:"upstreams"`
	// What signs calls.
	Credentials []CredentialStatus `json:"credentials"`
	// The calls that are stopped. The warnings of readiness name them, too.
	Freezes []Freeze `json:"freezes"`
	// What calls hold and have spent. Missing while the gateway starts.
	Spending *SpendingStatus `json:"spending,omitzero"`
	// How much of the limits is used up.
	Limits LimitsStatus `json:"limits"`
	// The fleet. Missing: the gateway is in none, or it starts.
	Fleet *Fleet `json:"fleet,omitzero"`
	// Where calls are recorded. Missing while the gateway starts.
	Log *LogStatus `json:"log,omitzero"`
	// The certificates that handshakes depend on, the first to expire first.
	Certificates []CertificateStatus `json:"certificates"`
}

// ConfigurationStatus is the configuration that runs.
type ConfigurationStatus struct {
	// The path of its file.
	File string `json:"file"`
	// The SHA-256 of the plan that calls follow.
	Plan string `json:"plan,omitzero"`
	// The last reload that was carried out. Missing: there was none since the start, or one was refused since.
	Reloaded *ReloadStatus `json:"reloaded,omitzero"`
	// The last reload that was refused, if none was carried out since.
	Refused *ReloadStatus `json:"refused,omitzero"`
	// What is allowed but probably not meant, as `tollgate check` says it.
	Notes []string `json:"notes"`
}

// ReloadStatus is a reload of the past.
type ReloadStatus struct {
	// When it was.
	At time.Time `json:"at"`
	// Why it was refused.
	Error string `json:"error,omitzero"`
}

// ListenerStatus is one listener.
type ListenerStatus struct {
	// Its name. Those for operators are "admin", "admin socket" and "metrics".
	Name string `json:"name"`
	// Where it listens.
	Address string `json:"address"`
	// Its TLS policy. Missing: it is plain.
	TLS string `json:"tls,omitzero"`
	// The connections that there are, in handshakes or in use.
	Connections int `json:"connections"`
}

// UpstreamStatus is one upstream.
type UpstreamStatus struct {
	// Its name.
	Name string `json:"name"`
	// Where it is.
	URL string `json:"url"`
	// Its TLS policy. Missing: it is plain.
	TLS string `json:"tls,omitzero"`
	// The connections that there are, idle ones included.
	Connections int `json:"connections"`
	// Those that calls have.
	InUse int `json:"in_use"`
	// How many there may be.
	Most int `json:"most"`
	// How many seconds this machine's clock is ahead of the upstream's. Missing: no answer has said it yet.
	ClockAhead *float64 `json:"clock_ahead_seconds,omitzero"`
}

// CredentialStatus is one credential.
type CredentialStatus struct {
	// Its name.
	Name string `json:"name"`
	// Whose it is: partner or customer.
	Class string `json:"class"`
	// Where it signs for.
	Upstream string `json:"upstream"`
	// The access key, of which the middle is left out.
	AccessKey string `json:"access_key"`
	// How many sets of keys were put to use, the present one included.
	Generation int `json:"generation"`
	// Its pauses: of all callers, or of some.
	Pauses []PauseStatus `json:"pauses"`
	// Why few calls at a time may use it. Missing: the provider accepts it.
	Trial *TrialStatus `json:"trial,omitzero"`
	// Why its keys cannot be read again.
	ReadError string `json:"read_error,omitzero"`
}

// PauseStatus is a pause of a credential, which signs nothing meanwhile.
type PauseStatus struct {
	// The only caller that is concerned. Missing: all are.
	Caller string `json:"caller,omitzero"`
	// What the provider said.
	Reason string `json:"reason"`
	// When it began.
	Since time.Time `json:"since"`
	// From when on one call at a time may try.
	ProbeAt time.Time `json:"probe_at"`
}

// TrialStatus is the trial of a credential.
type TrialStatus struct {
	// What the provider said to the rejected call that began it. Missing: it has never accepted the keys yet.
	Reason string `json:"reason,omitzero"`
	// When it began. Missing: with the keys.
	Since time.Time `json:"since,omitzero"`
}

// SpendingStatus is what calls hold and have spent.
type SpendingStatus struct {
	// What happens to a call whose act is held: it is refused (enforce), or only recorded and counted (shadow).
	Guard string `json:"guard"`
	// How many calls hold acts, or may return what they took of caps.
	Calls int `json:"calls"`
	// How many of them are unknown.
	Unknown int `json:"unknown"`
	// How many caps there are.
	Caps int `json:"caps"`
	// Why calls that write or spend are refused now. Missing: they are not.
	Rebuilding string `json:"rebuilding,omitzero"`
	// When what is held and used was last kept for the next start. Missing: not yet.
	Saved *time.Time `json:"saved,omitzero"`
}

// LimitsStatus is how much of the limits is used up.
type LimitsStatus struct {
	// How many calls wait for their turn.
	Waiting int `json:"waiting"`
	// Of how many limits something is used up, counted for each combination of what they count by.
	InUse int `json:"in_use"`
	// The fullest of them.
	Fullest []LimitStatus `json:"fullest"`
}

// LimitStatus is one limit of which something is used up.
type LimitStatus struct {
	// Its name.
	Name string `json:"name"`
	// The caller that it counts. Missing: it counts those of all together; so for the next three.
	Caller string `json:"caller,omitzero"`
	// The operation that it counts.
	Operation string `json:"operation,omitzero"`
	// The credential that it counts.
	Credential string `json:"credential,omitzero"`
	// The upstream that it counts.
	Upstream string `json:"upstream,omitzero"`
	// Calls that may go now.
	Left float64 `json:"left"`
	// What it allows, as the configuration and the provider say it.
	Allows string `json:"allows"`
	// Calls that may go at once after a pause.
	Burst int `json:"burst"`
	// How many more may go each second in the long run. 0: they come back with the next day or month.
	PerSecond float64 `json:"per_second"`
	// Calls that wait for their turn here.
	Waiting int `json:"waiting"`
}

// LogStatus is the log of calls.
type LogStatus struct {
	// Its folder.
	Dir string `json:"dir"`
	// Why no call is taken. Missing: calls are taken.
	Error string `json:"error,omitzero"`
	// The number of the last record.
	Seq uint64 `json:"seq"`
	// The number of the last record that is durable.
	Durable uint64 `json:"durable"`
	// The file that is written to.
	Segment string `json:"segment"`
	// Free bytes of its disk. Missing: it is not known.
	Free *int64 `json:"free_bytes,omitzero"`
	// For how many seconds the disk lasts at the present pace. Missing: it is not known, or for ever.
	Lasts *float64 `json:"lasts_seconds,omitzero"`
	// How many records the last checkpoint covers.
	Checkpoint uint64 `json:"checkpoint"`
	// When it was signed. Missing: there is none yet.
	CheckpointAt *time.Time `json:"checkpoint_at,omitzero"`
	// Where checkpoints are copied to.
	Copies []CopyStatus `json:"copies"`
	// The number of the last record that the index has. Missing: there is no index.
	Indexed uint64 `json:"indexed,omitzero"`
}

// CopyStatus is a place that checkpoints are copied to.
type CopyStatus struct {
	// The place.
	Place string `json:"place"`
	// Why the newest checkpoint is not there. Missing: it is.
	Error string `json:"error,omitzero"`
}

// CertificateStatus is one certificate that handshakes depend on: of a chain that is shown, or of authorities that are trusted.
type CertificateStatus struct {
	// The listener that needs it. Missing: an upstream does.
	Listener string `json:"listener,omitzero"`
	// The upstream that needs it.
	Upstream string `json:"upstream,omitzero"`
	// Its name.
	Name string `json:"name"`
	// When it expires.
	NotAfter time.Time `json:"not_after"`
}
