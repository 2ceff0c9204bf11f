package http1

import "slices"

// Field is a header field. Its name is spelt as [net/textproto.CanonicalMIMEHeaderKey] has it.
type Field struct{ Name, Value string }

// Fields are the fields of a head in their order.
type Fields []Field

// Get returns the first value of a name, which is spelt canonically; empty if there is none.
func (f Fields) Get(name string) string {
	for i := range f {
		if f[i].Name == name {
			return f[i].Value
		}
	}
	return ""
}

// Values returns all values of a name.
func (f Fields) Values(name string) (values []string) {
	for i := range f {
		if f[i].Name == name {
			values = append(values, f[i].Value)
		}
	}
	return values
}

// Has reports whether there is a field of a name.
func (f Fields) Has(name string) bool { return f.count(name) > 0 }

// Add appends a field.
func (f *Fields) Add(name, value string) { *f = append(*f, Field{name, value}) }

// Del removes all fields of a name.
func (f *Fields) Del(name string) {
	*f = slices.DeleteFunc(*f, func(field Field) bool { return field.Name == name })
}

func (f Fields) count(name string) (n int) {
	for i := range f {
		if f[i].Name == name {
			n++
		}
	}
	return n
}
