package words

// Message is a text that one part of the program chooses and another reads, in the language of whom it is for: the id of a message and its
// values, which may be messages themselves. The zero value is the empty text.
type Message struct {
	id   string // empty: the text stands in args
	args []any
}

// Say returns a message with its values: names and values by turns, as [Words.Text] takes them.
func Say(id string, args ...any) Message { return Message{id, args} }

// Plain returns a text that is the same in each language, such as a name.
func Plain(text string) Message { return Message{args: []any{text}} }

// In returns the text in a language.
func (m Message) In(w *Words) string {
	switch {
	case m.id != "":
		return w.Text(m.id, m.args...)
	case len(m.args) > 0:
		return m.args[0].(string)
	}
	return ""
}

// String returns the text in English.
func (m Message) String() string { return m.In(inEnglish()) }

// IsZero reports whether there is no text.
func (m Message) IsZero() bool { return m.id == "" && len(m.args) == 0 }

// Of returns what an error says: the message that it has, or else its text.
func Of(err error) Message {
	if said, ok := err.(interface{ Message() Message }); ok {
		return said.Message()
	}
	return Plain(err.Error())
}

// said is an error with a message.
type said struct{ message Message }

// Err returns an error whose text is a message.
func Err(id string, args ...any) error { return &said{Say(id, args...)} }

func (e *said) Error() string    { return e.message.String() }
func (e *said) Message() Message { return e.message }

// Join returns texts with a message between each two, which has the values First and Next.
func Join(id string, texts []string) Message {
	joined := Message{}
	for i, text := range texts {
		if i == 0 {
			joined = Plain(text)
			continue
		}
		joined = Say(id, "First", joined, "Next", text)
	}
	return joined
}
