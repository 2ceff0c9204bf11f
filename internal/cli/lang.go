package cli

import (
	"github.com/spf13/cobra"

	"tollgate/internal/text"
	"tollgate/internal/words"
)

// languages are the values of --lang, each with its language. That of BCP 47 is taken too.
var languages = map[string]words.Language{"en": words.English, "zh": words.Chinese, string(words.Chinese): words.Chinese}

// LangFlag is the flag that chooses the language of texts for people. The environment never does: a script reads the same everywhere.
type LangFlag struct{ name string }

// Register adds the flag --lang to a command.
func (f *LangFlag) Register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "lang", "en", "`language` of what is printed for people: en or zh; JSON and CSV have none")
	if err := cmd.RegisterFlagCompletionFunc("lang", cobra.FixedCompletions([]string{"en", "zh"}, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was registered above
	}
}

// Words returns the texts in the language, or a usage error.
func (f *LangFlag) Words() (*words.Words, error) {
	lang, ok := languages[f.name]
	if !ok {
		return nil, UsageError("--lang %s: the languages are en and zh", text.EscapeUnprintable(f.name))
	}
	return words.In(lang), nil
}
