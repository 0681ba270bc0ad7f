//! JSON (RFC 8259) read into a tree that keeps every member, in order and twice if it stands there
//! twice. By hand: a second reader that used serde would share its mistakes.

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    Null,
    Bool(bool),
    /// As it is written.
    Number(String),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Node {
    /// Reads one value, with nothing but white space around it.
    pub fn read(text: &[u8]) -> Option<Self> {
        let mut reader = Reader { rest: str::from_utf8(text).ok()?, levels_left: DEEPEST };
        let node = reader.value()?;
        reader.rest.is_empty().then_some(node)
    }

    /// The values of all members of this name; none of what is no object.
    pub fn all(&self, name: &str) -> Vec<&Self> {
        let Self::Object(members) = self else { return Vec::new() };
        members.iter().filter(|(member, _)| member == name).map(|(_, value)| value).collect()
    }

    /// The string, if it is one.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Levels of lists and objects.
    pub fn depth(&self) -> usize {
        match self {
            Self::List(_) | Self::Object(_) => {
                1 + self.inner().into_iter().map(Self::depth).max().unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// Whether it holds what readers make different things of: a number that is beyond `f64`, or
    /// half a surrogate pair.
    pub fn is_odd(&self) -> bool {
        let odd = |text: &String| text.contains(HALF);
        match self {
            Self::Number(digits) => !digits.parse().is_ok_and(f64::is_finite),
            Self::Text(text) => odd(text),
            Self::Object(members) if members.iter().any(|(name, _)| odd(name)) => true,
            node => node.inner().into_iter().any(Self::is_odd),
        }
    }

    fn inner(&self) -> Vec<&Self> {
        match self {
            Self::List(values) => values.iter().collect(),
            Self::Object(members) => members.iter().map(|(_, value)| value).collect(),
            _ => Vec::new(),
        }
    }

    /// As compact as can be, every member where it was.
    pub fn written(&self) -> String {
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        let joined = |values: Vec<String>| values.join(",");
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(digits) => digits.clone(),
            Self::Text(text) => quoted(text),
            Self::List(values) => {
                format!("[{}]", joined(values.iter().map(Self::written).collect()))
            }
            Self::Object(members) => {
                let member = |(name, value): &(String, Self)| {
                    format!("{}:{}", quoted(name), value.written())
                };
                format!("{{{}}}", joined(members.iter().map(member).collect()))
            }
        }
    }
}

/// Stands for half a surrogate pair: a character that no input here is likely to hold.
const HALF: char = '\u{f8ff}';

/// Levels that are read: more than any reader in the gateway, fewer than a stack has room for.
const DEEPEST: usize = 256;

struct Reader<'t> {
    rest: &'t str,
    levels_left: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Option<Node> {
        self.skip_space();
        let node = match self.rest.bytes().next()? {
            b'"' => Node::Text(self.string()?),
            b'[' => Node::List(self.several('[', ']', Self::value)?),
            b'{' => Node::Object(self.several('{', '}', Self::member)?),
            b'n' => self.take("null").map(|()| Node::Null)?,
            b't' => self.take("true").map(|()| Node::Bool(true))?,
            b'f' => self.take("false").map(|()| Node::Bool(false))?,
            _ => Node::Number(self.number()?),
        };
        self.skip_space();
        Some(node)
    }

    fn member(&mut self) -> Option<(String, Node)> {
        self.skip_space();
        let name = self.string()?;
        self.skip_space();
        self.take(":")?;
        Some((name, self.value()?))
    }

    fn several<T>(
        &mut self,
        open: char,
        close: char,
        one: fn(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.levels_left = self.levels_left.checked_sub(1)?;
        self.take(open.encode_utf8(&mut [0; 4]))?;
        self.skip_space();
        let mut all = Vec::new();
        while !self.rest.starts_with(close) {
            if !all.is_empty() {
                self.take(",")?;
            }
            all.push(one(self)?);
        }
        self.levels_left += 1;
        self.take(close.encode_utf8(&mut [0; 4])).map(|()| all)
    }

    fn number(&mut self) -> Option<String> {
        let whole = self.rest;
        let _ = self.take("-");
        if self.take("0").is_none() {
            self.digits()?;
        }
        if self.take(".").is_some() {
            self.digits()?;
        }
        if self.take("e").or_else(|| self.take("E")).is_some() {
            let _ = self.take("+").or_else(|| self.take("-"));
            self.digits()?;
        }
        Some(whole[..whole.len() - self.rest.len()].to_owned())
    }

    fn digits(&mut self) -> Option<()> {
        let rest = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let any = rest.len() < self.rest.len();
        self.rest = rest;
        any.then_some(())
    }

    fn string(&mut self) -> Option<String> {
        self.take("\"")?;
        let mut units: Vec<u16> = Vec::new();
        loop {
            match self.next()? {
                '"' => break,
                '\\' => units.push(self.escape()?),
                plain if plain < ' ' => return None,
                plain => units.extend_from_slice(plain.encode_utf16(&mut [0; 2])),
            }
        }
        Some(char::decode_utf16(units).map(|unit| unit.unwrap_or(HALF)).collect())
    }

    fn escape(&mut self) -> Option<u16> {
        let meant = match self.next()? {
            same @ ('"' | '\\' | '/') => same,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (digits, rest) = self.rest.split_at_checked(4)?;
                self.rest = rest;
                let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                return plain.then(|| u16::from_str_radix(digits, 16).ok())?;
            }
            _ => return None,
        };
        u16::try_from(u32::from(meant)).ok()
    }

    fn next(&mut self) -> Option<char> {
        let mut rest = self.rest.chars();
        let next = rest.next()?;
        self.rest = rest.as_str();
        Some(next)
    }

    fn take(&mut self, wanted: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(wanted)?;
        Some(())
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }
}
