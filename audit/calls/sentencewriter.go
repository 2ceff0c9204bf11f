package calls

import (
	"strings"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/text"
	"tollgate/internal/words"
)

// writer writes what records say as sentences.
type writer struct {
	words      *words.Words
	zone       *time.Location
	paragraphs [][]Sentence
	open       []Sentence // the paragraph that is being written
}

// say adds the first of some messages of which the records have all values; none, if there is none.
func (w *writer) say(v values, messages ...string) {
	for _, id := range messages {
		if s := (Sentence{w.words, "sentence." + id, v}); s.complete() {
			w.open = append(w.open, s)
			return
		}
	}
}

// count adds a message about a number of things, unless there are none.
func (w *writer) count(n int, message string) { w.say(values{"Count": n}, message) }

// end ends the paragraph.
func (w *writer) end() {
	if len(w.open) > 0 {
		w.paragraphs, w.open = append(w.paragraphs, w.open), nil
	}
}

// list returns texts as one, with the separator of a message between them.
func (w *writer) list(separator string, texts ...string) composed {
	return composed(strings.Join(texts, w.words.Text("sentence."+separator)))
}

// quotes is list for texts of peers; empty ones are left out.
func (w *writer) quotes(texts ...string) composed {
	var all []string
	for _, s := range texts {
		if s != "" {
			all = append(all, quoted(s))
		}
	}
	return w.list("comma", all...)
}

// with returns a text with details of it in parentheses, as far as there are any.
func (w *writer) with(s string, details ...string) composed {
	if more := w.quotes(details...); s != "" && more != "" {
		return composed(quoted(s) + " (" + string(more) + ")")
	}
	return w.quotes(s)
}

// noun returns the word for a code, or the code where there is no word.
func (w *writer) noun(kind, code string) composed {
	if id := "sentence." + kind + "_" + code; code != "" && w.words.Has(id) {
		return composed(w.words.Text(id))
	}
	return w.quotes(code)
}

// andMore returns a list that is shown in part.
func (w *writer) andMore(list composed, more int) composed {
	if more == 0 {
		return list
	}
	return composed(w.words.Text("sentence.and_more", "List", list, "Count", more))
}

const (
	someFields = 20 // how many fields of a record a sentence has
	someValues = 5  // and how many values of each
)

// fields returns the fields of a request or an answer.
func (w *writer) fields(r *logfile.Record) composed {
	var texts []string
	for _, f := range r.Fields[:min(len(r.Fields), someFields)] {
		some := f.Values[:min(len(f.Values), someValues)]
		var said []string
		for _, value := range some {
			said = append(said, quoted(value))
		}
		texts = append(texts, quoted(f.Name)+" "+string(w.andMore(w.list("comma", said...), len(f.Values)+f.Omitted-len(some))))
	}
	return w.andMore(w.list("semicolon", texts...), len(r.Fields)-len(texts))
}

// tls describes a connection; empty for a plain one.
func (w *writer) tls(t *logfile.TLS) composed {
	switch {
	case t == nil:
		return ""
	case t.Version == "":
		return "TLS"
	case t.Suite == "" && t.Group == "":
		return composed(t.Version)
	}
	return composed(t.Version + " (" + string(w.quotes(t.Suite, t.Group)) + ")")
}

// someDigits is how many digits of a hash a sentence has.
const someDigits = 16

func fingerprint(t *logfile.TLS) composed {
	return composed(text.Truncate(t.PeerFingerprint, someDigits, "…"))
}

// Layouts of times, in the writer's zone. All but the first of a call leave out the day, if it is the same.
const (
	sentenceTime  = "2006-01-02 15:04:05.000"
	sentenceClock = "15:04:05.000"
)

func (w *writer) time(t time.Time) composed { return composed(t.In(w.zone).Format(sentenceTime)) }

// after returns a time that follows another.
func (w *writer) after(first, t time.Time) composed {
	if t.In(w.zone).Format(time.DateOnly) == first.In(w.zone).Format(time.DateOnly) {
		return composed(t.In(w.zone).Format(sentenceClock))
	}
	return w.time(t)
}

// spent returns a duration of a record; empty for none.
func spent(micros int64) composed {
	if micros == 0 {
		return ""
	}
	return composed((time.Duration(micros) * time.Microsecond).String())
}

// units are what a window is said in, in seconds, with the message of each.
var units = [...]struct {
	seconds int64
	message string
}{{24 * 60 * 60, "sentence.days"}, {60 * 60, "sentence.hours"}, {60, "sentence.minutes"}, {1, "sentence.seconds"}}

// window returns a number of seconds in the greatest unit of which it is a multiple; empty for none.
func (w *writer) window(seconds int64) composed {
	for _, unit := range units {
		if seconds != 0 && seconds%unit.seconds == 0 {
			return composed(w.words.Text(unit.message, "Count", seconds/unit.seconds))
		}
	}
	return ""
}
