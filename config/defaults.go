package config

import (
	"time"

	"tollgate/internal/certs"
	"tollgate/internal/certs/acme"
)

// defaultValues is what the file is decoded over: the file as a whole, and each entry of the lists and maps in it.
type defaultValues struct {
	file        shape
	listener    listenerShape
	listenerTLS listenerTLSShape
	upstream    upstreamShape
	upstreamTLS upstreamTLSShape

	internalCertificate internalCertificateShape
	acme                acmeShape
	rfc2136             rfc2136Shape
}

// defaults are all default values there are, except those that follow from other settings (shape.go says which).
func defaults() defaultValues {
	return defaultValues{
		file: shape{
			Limits: limitsShape{
				MaxWait:         duration(2 * time.Second),
				Published:       true,
				Unauthenticated: unauthenticatedShape{Rate: 10, Burst: 20, Sources: 10_000},
			},
			Audit: auditShape{
				SegmentSize: 256 * mib,
				Reserve:     4 * mib,
				Deadline:    duration(2 * time.Second),
				Checkpoints: checkpointsShape{Every: duration(10 * time.Second), Records: 10_000},
				Index:       auditIndexShape{Enabled: true},
			},
			Log: logShape{Level: "info", Format: "json"},
			Bounds: boundsShape{
				Body:       12 * mib,
				Bodies:     256 * mib,
				HeldAnswer: mib,
				Headers:    64 * kib,
				AllHeaders: 64 * mib,
				Calls:      1024,

				UnauthenticatedRecords: 64 * mib,

				Replay:        1_000_000,
				HeaderTimeout: duration(10 * time.Second),
				BodyTimeout:   duration(30 * time.Second),
				WriteTimeout:  duration(60 * time.Second),
				IdleTimeout:   duration(90 * time.Second),
				Drain:         duration(75 * time.Second), // longer than an upstream's default timeout, so that a payment ends
			},
		},
		listener:    listenerShape{MaxConnections: 1024, MaxConnectionsPerSource: 256},
		listenerTLS: listenerTLSShape{Policy: "huawei-high"},
		upstream: upstreamShape{
			Timeout:        duration(60 * time.Second),
			ConnectTimeout: duration(10 * time.Second),
			MaxConnections: 100,
			Deprecated:     "allow",
		},
		upstreamTLS: upstreamTLSShape{Policy: "huawei-high"},

		internalCertificate: internalCertificateShape{Lifetime: duration(certs.DefaultLifetime)},
		acme:                acmeShape{Key: string(acme.ECDSA)},
		rfc2136:             rfc2136Shape{Algorithm: acme.DefaultAlgorithm},
	}
}
