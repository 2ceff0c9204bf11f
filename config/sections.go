package config

import (
	"time"

	"tollgate/internal/setting"
)

// The sections about the gateway as a whole. A Config has them as they are read.

// HTTPChallenge is `http_challenge`: where challenges of HTTP-01 are answered.
type HTTPChallenge struct {
	// Where to listen, as for listeners, without unix sockets. Authorities ask on port 80 of the hosts. Nothing but
	// challenges is answered here.
	Address setting.Address `yaml:"address" need:"yes" reload:"restart"`
}

// NoSocket is what stands in `admin.socket` where no socket is wanted.
const NoSocket = "none"

// Admin is `admin`: where those who operate the gateway reach it. At least one of the two is there.
type Admin struct {
	// A loopback address, where processes of the machine find `/livez`, `/readyz` and `/metrics`, and nothing else. It may be left out.
	// `unix:PATH` is `socket: PATH`.
	Address setting.Address `yaml:"address" reload:"restart"`
	// The path of the admin socket, by which `tollgate status`, `reload` and the other commands reach the running gateway. Its file has the mode
	// 0600, and it serves the gateway's own user and root only. `none`: there is no socket. Default: `NAME-HASH.sock`, after the
	// configuration file and its path, in the first of these folders that the gateway may write to: `$RUNTIME_DIRECTORY`, which
	// systemd sets; `/run/tollgate`; `$XDG_RUNTIME_DIR/tollgate`. Where it may write to none, the log and readiness say that there is no socket.
	Socket string `yaml:"socket" path:"write" reload:"restart"`
}

// Log is `log`, the operational log.
type Log struct {
	// The least level that is written.
	Level string `yaml:"level" choice:"debug|info|warn|error"`
	// `json`: a JSON object a line, for machines. `text`: the time of the day, the level, the message and the fields in a line, for people.
	// `auto`: text where standard error is a terminal, JSON elsewhere.
	Format string `yaml:"format" reload:"restart" choice:"auto|json|text"`
}

// Default returns the defaults of the section.
func (Log) Default() Log { return Log{Level: "info", Format: "auto"} }

// Bounds is `bounds`: what peers can make the gateway hold.
type Bounds struct {
	// One request body. The provider takes 12 MB.
	Body setting.Size `yaml:"body" range:"1KiB..1GiB"`
	// All request bodies in memory together.
	Bodies setting.Size `yaml:"bodies" range:"1KiB..1024GiB"`
	// How much of an answer is held to read its business result; a larger one is passed on as it comes.
	HeldAnswer setting.Size `yaml:"held_answer" range:"1KiB..64MiB"`
	// The header section of a request.
	Headers setting.Size `yaml:"headers" range:"4KiB..1MiB"`
	// The header sections of all requests in memory together.
	AllHeaders setting.Size `yaml:"all_headers" range:"64KiB..1024GiB"`
	// Calls in progress.
	Calls int `yaml:"calls" range:"1..1000000"`
	// Records that refused peers without a known caller may write in any 24 hours. Beyond it they are only counted.
	UnauthenticatedRecords setting.Size `yaml:"unauthenticated_records" reload:"restart" range:"4MiB..1024GiB"`
	// Signatures of `write` and `spend` calls that are remembered against replay, for 30 minutes each.
	Replay int `yaml:"replay" reload:"restart" range:"1000..100000000"`
	// How long a TLS handshake, and the header section of a request, may take.
	HeaderTimeout setting.Duration `yaml:"header_timeout" range:"100ms..5m"`
	// How long a request body may take.
	BodyTimeout setting.Duration `yaml:"body_timeout" range:"100ms..1h"`
	// How long the caller may take to read the answer.
	WriteTimeout setting.Duration `yaml:"write_timeout" range:"100ms..1h"`
	// How long a connection may wait for its next request.
	IdleTimeout setting.Duration `yaml:"idle_timeout" range:"100ms..1h"`
	// How long calls in progress may take to end once the gateway is asked to stop.
	Drain setting.Duration `yaml:"drain" range:"0s..1h"`
}

// Default returns the defaults of the section.
func (Bounds) Default() Bounds {
	return Bounds{
		Body:       12 * setting.MiB,
		Bodies:     256 * setting.MiB,
		HeldAnswer: setting.MiB,
		Headers:    64 * setting.KiB,
		AllHeaders: 64 * setting.MiB,
		Calls:      1024,

		UnauthenticatedRecords: 64 * setting.MiB,

		Replay:        1_000_000,
		HeaderTimeout: setting.Duration(10 * time.Second),
		BodyTimeout:   setting.Duration(30 * time.Second),
		WriteTimeout:  setting.Duration(60 * time.Second),
		IdleTimeout:   setting.Duration(90 * time.Second),
		Drain:         setting.Duration(75 * time.Second), // longer than an upstream's default timeout, so that a payment ends
	}
}

// Reload is `reload`: when the configuration is loaded again without being asked to.
type Reload struct {
	// Whether the gateway reloads when this file, or one that it includes, has changed: within 20 s, once all of them have stood still.
	// Certificates, client authorities, and the files of secrets are watched in any case.
	Watch bool `yaml:"watch"`
}
