package config

import (
	"time"

	"tollgate/internal/certs"
	"tollgate/internal/certs/acme"
)

// defaultValues is what the file is decoded over: the file as a whole, and each entry of the lists and maps in it.
type defaultValues struct {
	file        fileConfig
	listener    listenerConfig
	listenerTLS listenerTLSConfig
	upstream    upstreamConfig
	upstreamTLS upstreamTLSConfig

	internalCertificate internalCertificateConfig
	acme                acmeConfig
	rfc2136             rfc2136Config
}

// defaults are all default values there are, except those that follow from other settings (fileconfig.go says which).
func defaults() defaultValues {
	return defaultValues{
		file: fileConfig{
			Limits: limitsConfig{
				MaxWait:         duration(2 * time.Second),
				Published:       true,
				Unauthenticated: unauthenticatedConfig{Rate: 10, Burst: 20, Sources: 10_000},
			},
			Audit: auditConfig{
				SegmentSize: 256 * mib,
				Reserve:     4 * mib,
				Deadline:    duration(2 * time.Second),
				Checkpoints: checkpointsConfig{Every: duration(10 * time.Second), Records: 10_000},
				Index:       auditIndexConfig{Enabled: true},
			},
			Log: logConfig{Level: "info", Format: "json"},
			Bounds: boundsConfig{
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
		listener:    listenerConfig{MaxConnections: 1024, MaxConnectionsPerSource: 256},
		listenerTLS: listenerTLSConfig{Policy: "huawei-high"},
		upstream: upstreamConfig{
			Timeout:        duration(60 * time.Second),
			ConnectTimeout: duration(10 * time.Second),
			MaxConnections: 100,
			Deprecated:     "allow",
		},
		upstreamTLS: upstreamTLSConfig{Policy: "huawei-high"},

		internalCertificate: internalCertificateConfig{Lifetime: duration(certs.DefaultLifetime)},
		acme:                acmeConfig{Key: string(acme.ECDSA)},
		rfc2136:             rfc2136Config{Algorithm: acme.DefaultAlgorithm},
	}
}
