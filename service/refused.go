package service

import (
	"net/netip"
	"time"

	"go.uber.org/zap"

	"tollgate/accept"
	"tollgate/audit/logfile"
	"tollgate/config"
	"tollgate/gateway"
	"tollgate/tlspolicy"
)

// connectionRefused counts a connection that came to no call, logs it and puts it on record, within the bounds that
// the record of unauthenticated peers has.
func (s *Service) connectionRefused(listener string, r accept.Refusal) {
	s.metrics.ConnectionRefused(listener, string(r.Reason))
	if r.Fault != "" {
		s.metrics.Malformed(listener, string(r.Fault))
	}
	switch r.Reason {
	case accept.ReasonSilent: // health checks and port scans: they take no place from what is worth a record
		s.logger.Debug("a connection was closed before its first byte", zap.String("listener", listener), zap.String("remote", r.Remote))
		return
	case accept.ReasonMalformed: // its peer has an answer, and the metric is all that is known of it
		return
	case accept.ReasonMadeRoom, accept.ReasonTooMany, accept.ReasonTooManySource:
		s.cutOff.Do(func() {
			s.logger.Warn("a connection is cut off; the metric tollgate_connections_refused_total counts all of them", zap.String("listener", listener),
				zap.String("remote", r.Remote), zap.String("reason", string(r.Reason)), zap.String("setting", r.Reason.Setting()))
		})
	}
	if r.Reason == accept.ReasonMadeRoom {
		return // it was idle: nothing was refused
	}
	why := whyRefused(r)
	s.connectionRefusals.Unknown(time.Now(), r.Source, why, func() *logfile.Record {
		s.logger.Info("connection refused", zap.String("listener", listener), zap.String("remote", r.Remote),
			zap.String("reason", string(r.Reason)), zap.NamedError("cause", r.Err), zap.Any("offer", r.Offer))
		source, port := splitRemote(r.Remote)
		return &logfile.Record{
			Kind: logfile.KindRefusal, Listener: listener, Plan: s.gateway.RecordID(), Source: source, SourcePort: port, Decision: logfile.Refused,
			Reason: why.Reason, Stage: why.Stage, TLSFailure: why.TLSFailure, TLSIn: offerRecord(r.Offer),
		}
	})
}

// operatorRefused counts connections that came to no request of an admin listener. Of those that are there before the log, what their
// bounds refuse is not put on record.
func (s *Service) operatorRefused(listener string, r accept.Refusal) {
	if listener == config.MetricsListener || listener == config.ReviewListener || r.Reason == accept.ReasonSilent || r.Reason == accept.ReasonMalformed {
		s.connectionRefused(listener, r)
	}
}

// whyRefused returns what records and summaries say of why a connection was refused. What a peer offered shows better than the
// error that nothing was in common with it.
func whyRefused(r accept.Refusal) logfile.Count {
	why := logfile.Count{Reason: string(r.Reason), Stage: logfile.StageHandshake}
	switch r.Reason {
	case accept.ReasonTooMany, accept.ReasonTooManySource, accept.ReasonMadeRoom, accept.ReasonAcceptFailed, accept.ReasonSilent, accept.ReasonMalformed:
		why.Stage = logfile.StageConnection
	case accept.ReasonVersion:
		why.TLSFailure = logfile.TLSVersion
	case accept.ReasonSuite:
		why.TLSFailure = logfile.TLSSuite
	case accept.ReasonGroup:
		why.TLSFailure = logfile.TLSGroup
	case accept.ReasonCertificate: // crypto/tls has no type for one that is missing
		if why.TLSFailure = gateway.TLSFailure(r.Err); why.TLSFailure == logfile.TLSProtocol || why.TLSFailure == logfile.TLSOther {
			why.TLSFailure = logfile.TLSCertificate
		}
	default:
		why.TLSFailure = gateway.TLSFailure(r.Err)
	}
	return why
}

// splitRemote splits a peer's address; a unix socket has no port.
func splitRemote(remote string) (source string, port uint16) {
	address, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote, 0
	}
	return address.Addr().String(), address.Port()
}

func offerRecord(o tlspolicy.Offer) *logfile.TLS {
	if len(o.Versions) == 0 && len(o.Suites) == 0 {
		return nil
	}
	return &logfile.TLS{Offer: &logfile.Offer{Versions: o.Versions, Suites: o.Suites, Groups: o.Groups, ServerName: o.ServerName}}
}
