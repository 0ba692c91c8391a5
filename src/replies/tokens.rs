//! A reply cut into words, Chinese characters and emoji.
//!
//! Words are runs of letters and digits of any script, lower case, with apostrophes inside; each Chinese character is a
//! token of its own, and so is each emoji, with its joiners and without its skin tone. White space, marks of direction
//! and punctuation separate; punctuation also ends a clause. Every step takes time in proportion to the text.

use super::language::is_chinese;

/// What stands between two tokens in the folded text: in no token.
const SEPARATOR: char = '\u{1f}';

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: usize,
    end: usize,
    /// Characters that it has.
    pub characters: usize,
    /// Whether it begins a clause: the text begins, or punctuation stands in front.
    pub clause: bool,
}

/// The tokens of a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tokens {
    /// All tokens, folded, with a separator between two.
    folded: String,
    spans: Vec<Span>,
    characters: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letter,
    Chinese,
    Emoji,
    /// Belongs to the emoji in front.
    Joiner,
    Tone,
    Apostrophe,
    Space,
    Mark,
}

const fn is_emoji(c: char) -> bool {
    matches!(c, '\u{1f000}'..='\u{1f3fa}' | '\u{1f400}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}')
}

fn kind(c: char) -> Kind {
    match c {
        '\'' | '\u{2019}' => Kind::Apostrophe,
        '\u{200d}' => Kind::Joiner,
        '\u{fe0e}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' => Kind::Tone,
        // Marks of direction, zero-width space, byte-order mark.
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => Kind::Space,
        _ if c.is_whitespace() || c.is_control() => Kind::Space,
        _ if is_chinese(c) => Kind::Chinese,
        _ if is_emoji(c) => Kind::Emoji,
        _ if c.is_alphanumeric() || is_combining(c) => Kind::Letter,
        _ => Kind::Mark,
    }
}

/// Accents and vowel signs that are written as characters of their own.
const fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{5b0}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{93a}'..='\u{94f}')
}

/// Full-width letters and digits as their common forms, everything in lower case.
fn fold(c: char, to: &mut String) {
    let c = match c {
        '\u{ff10}'..='\u{ff5a}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{2019}' => '\'',
        _ => c,
    };
    to.extend(c.to_lowercase());
}

impl Tokens {
    /// Cuts a text.
    pub fn of(text: &str) -> Self {
        let mut tokens = Self { folded: String::with_capacity(text.len() + text.len() / 2), ..Self::default() };
        let (mut clause, mut before, mut joined) = (true, Kind::Space, false);
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            let mut now = kind(c);
            if now == Kind::Apostrophe {
                let inside = before == Kind::Letter && rest.peek().is_some_and(|&next| kind(next) == Kind::Letter);
                now = if inside { Kind::Letter } else { Kind::Mark };
            }
            match now {
                Kind::Letter if before == Kind::Letter => tokens.extend(c),
                Kind::Emoji if joined && before == Kind::Emoji => tokens.extend(c),
                Kind::Letter | Kind::Chinese | Kind::Emoji => {
                    tokens.begin(c, clause);
                    clause = false;
                }
                Kind::Mark => {
                    clause = true;
                    tokens.characters += 1;
                }
                Kind::Joiner if before == Kind::Emoji => {
                    joined = true;
                    continue;
                }
                Kind::Tone => continue,
                Kind::Joiner | Kind::Apostrophe | Kind::Space => {}
            }
            joined = false;
            before = now;
        }
        tokens
    }

    fn begin(&mut self, c: char, clause: bool) {
        if !self.folded.is_empty() {
            self.folded.push(SEPARATOR);
        }
        let start = self.folded.len();
        self.spans.push(Span { start, end: start, characters: 0, clause });
        self.extend(c);
    }

    fn extend(&mut self, c: char) {
        fold(c, &mut self.folded);
        self.characters += 1;
        if let Some(last) = self.spans.last_mut() {
            last.end = self.folded.len();
            last.characters += 1;
        }
    }

    /// All of them.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Characters of the whole text: all but white space, marks of direction, joiners and skin tones.
    pub const fn characters(&self) -> usize {
        self.characters
    }

    /// The folded text of a token.
    pub fn text(&self, at: usize) -> &str {
        &self.folded[self.spans[at].start..self.spans[at].end]
    }

    /// The key of a run of at least one token: the same for the same tokens.
    pub fn key(&self, from: usize, to: usize) -> &str {
        &self.folded[self.spans[from].start..self.spans[to - 1].end]
    }

    /// The key of all of them.
    pub fn into_key(self) -> String {
        self.folded
    }
}

#[cfg(test)]
mod tests {
    use super::Tokens;

    fn cut(text: &str) -> Vec<String> {
        let tokens = Tokens::of(text);
        (0..tokens.spans().len()).map(|i| tokens.text(i).to_owned()).collect()
    }

    #[test]
    fn i10_words_characters_and_emoji_are_tokens() {
        assert_eq!(cut("I DON’T like 'it' ..."), ["i", "don't", "like", "it"]);
        assert_eq!(cut("这个OK吗？"), ["这", "个", "ok", "吗"]);
        assert_eq!(cut("好👍🏽😀!"), ["好", "👍", "😀"]);
        assert_eq!(cut("👨\u{200d}👩\u{200d}👧 ❤️"), ["👨👩👧", "❤"]);
        assert_eq!(cut("ＯＫ１"), ["ok1"]);
        assert_eq!(cut("\u{202e}مرحبا\u{202c} שלום"), ["مرحبا", "שלום"]);
        assert_eq!(cut(""), Vec::<String>::new());
        assert_eq!(cut(" \u{200f}\n\t…"), Vec::<String>::new());
    }

    #[test]
    fn i10_punctuation_begins_a_clause_and_characters_are_counted_without_space() {
        let tokens = Tokens::of("No, it is fine");
        let clauses: Vec<bool> = tokens.spans().iter().map(|s| s.clause).collect();
        assert_eq!(clauses, [true, true, false, false]);
        assert_eq!((tokens.characters(), tokens.spans()[3].characters), (11, 4));
        assert_eq!(tokens.key(1, 3), "it\u{1f}is");
        assert_eq!(Tokens::of(" \u{202e}好 👍🏽").characters(), 2);
    }
}
