//! A chat template, and the text that it makes of a conversation.

use crate::engine::{self, FUEL, GIVEN, Given, NAME, Raised};
use crate::marks::{Marks, Used};
use crate::{Conversation, source};
use chrono::{Local, NaiveDate, NaiveDateTime, NaiveTime};
use minijinja::{Environment, ErrorKind, Value};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{RefUnwindSafe, UnwindSafe};
use trainyard_base::{Error, Result, caught};

/// The special tokens that a template can print, by their names there: `bos_token` and so on.
pub type Tokens = BTreeMap<String, String>;

/// A text, and which of it the assistant generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// The bytes of the text in `{% generation %}` blocks, in the order of their starts; none where the template has no
    /// such blocks.
    pub generated: Option<Vec<Range<usize>>>,
}

/// A chat template: a program in Jinja that makes a text of a conversation, the same text as transformers makes.
///
/// A template may be a stranger's, so it is bounded: 5 million steps, each an instruction or 64 bytes written or read;
/// values of a million items and nested 200 deep; expressions of 300 parts and 40 brackets in one another; 200
/// `{% elif %}`; a megabyte of source.
///
/// What differs from jinja2: integers of more than 64 bits in a conversation are floats. Not supported, and an error:
/// `%` between strings, `\N{name}` in strings, `varargs` and `kwargs` of macros, `block`, `include` and `import`, and
/// the filters batch, center, filesizeformat, forceescape, groupby, pprint, random, slice, striptags, truncate,
/// urlencode, urlize, wordcount, wordwrap, xmlattr. The error of an undefined value says its line, not its name.
#[derive(Debug)]
pub struct Template {
    source: String,
    default: Compiled,
    with_tools: Option<Compiled>,
    variables: BTreeMap<String, Value>,
    /// What `strftime_now` takes for the present; the time of day if none.
    now: Option<NaiveDateTime>,
}

/// Rendering changes nothing in a template: after a panic it is as it was.
impl UnwindSafe for Template {}
impl RefUnwindSafe for Template {}

#[derive(Debug)]
struct Compiled {
    text: String,
    environment: Environment<'static>,
    has_marks: bool,
    used: Used,
}

impl Template {
    /// Makes a template from its source text.
    ///
    /// # Errors
    /// A mistake in the source.
    pub fn new(source: &str, tokens: &Tokens) -> Result<Self> {
        let variables = tokens.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str()))).collect();
        Ok(Self { source: source.to_owned(), default: Compiled::new(source)?, with_tools: None, variables, now: None })
    }

    /// Adds another source for conversations with tools.
    pub(crate) fn with_tools(mut self, source: &str) -> Result<Self> {
        self.with_tools = Some(Compiled::new(source)?);
        Ok(self)
    }

    /// Sets a variable of the template, such as `enable_thinking`.
    ///
    /// # Errors
    /// A value that Jinja has no form for.
    pub fn set(&mut self, name: &str, value: &impl Serialize) -> Result<()> {
        let value = serde_json::to_string(value).and_then(|json| serde_json::from_str(&json));
        let value = value.map_err(|error| Error::usage(format!("chat template, variable {name:?}: {error}")))?;
        self.variables.insert(name.to_owned(), value);
        Ok(())
    }

    /// Takes the start of `date`, such as `2024-07-26`, for the present, so that a text does not depend on the day on
    /// which it is made.
    ///
    /// # Errors
    /// A text that is no date.
    pub fn at(mut self, date: &str) -> Result<Self> {
        let day = date
            .parse::<NaiveDate>()
            .map_err(|_| Error::usage(format!("chat template: expected a date such as 2024-07-26, got {date:?}")))?;
        self.now = Some(day.and_time(NaiveTime::MIN));
        Ok(self)
    }

    /// What `strftime_now` takes for the present.
    pub(crate) fn now(&self) -> NaiveDateTime {
        self.now.unwrap_or_else(now)
    }

    /// The source text, which it was made from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// All that its texts are a function of besides the conversation, as text.
    pub fn identity(&self) -> String {
        let with_tools = self.with_tools.as_ref().map(|compiled| &compiled.text);
        format!("{:?} {:?} {:?} {:?}", self.source, with_tools, self.variables, self.now)
    }

    /// Tells if the template marks what the assistant generates.
    pub fn has_marks(&self) -> bool {
        self.default.has_marks
    }

    /// Makes the text of a conversation; with `generation_prompt`, also what begins the assistant's next message.
    ///
    /// # Errors
    /// What the template raises, with the template's own message; a value it uses that is not there; more steps than it
    /// may take.
    pub fn render(&self, conversation: &Conversation, generation_prompt: bool) -> Result<Rendered> {
        self.render_at(conversation, conversation.messages(), generation_prompt, self.now())
    }

    /// Renders some messages of the conversation at a time.
    pub(crate) fn render_at(
        &self,
        conversation: &Conversation,
        messages: &[Value],
        generation_prompt: bool,
        now: NaiveDateTime,
    ) -> Result<Rendered> {
        let tools = conversation.tools();
        let compiled = self.with_tools.as_ref().filter(|_| !tools.is_none()).unwrap_or(&self.default);
        let mut names: BTreeMap<&str, Value> = BTreeMap::new();
        names.insert("documents", Value::from(()));
        let given = conversation.variables().iter();
        for (name, value) in self.variables.iter().chain(given) {
            names.insert(name, value.clone());
        }
        names.insert("messages", Value::from(messages.to_vec()));
        names.insert("tools", tools.clone());
        names.insert("add_generation_prompt", Value::from(generation_prompt));
        let mut used = compiled.used;
        if compiled.has_marks {
            names.values().for_each(|value| used.value(value));
        }
        let marks = if compiled.has_marks { Some(Marks::unlike(used)?) } else { None };
        names.insert(GIVEN, Value::from_object(Given { now, marks }));
        let text = guarded(|| compiled.environment.get_template(NAME)?.render(Value::from_pairs(names)))?;
        match marks {
            None => Ok(Rendered { text, generated: None }),
            Some(marks) => marks.taken_out(&text).map(|(text, ranges)| Rendered { text, generated: Some(ranges) }),
        }
    }
}

/// The time of day where the machine is.
fn now() -> NaiveDateTime {
    Local::now().naive_local()
}

impl Compiled {
    fn new(text: &str) -> Result<Self> {
        let source = source::translated(text)?;
        let mut used = Used::default();
        used.text(&source.text);
        let has_marks = source.has_marks;
        let environment = guarded(|| engine::compiled(source))?;
        Ok(Self { text: text.to_owned(), environment, has_marks, used })
    }
}

/// Returns the result of the engine; a panic of it is an error.
fn guarded<T>(call: impl FnOnce() -> std::result::Result<T, minijinja::Error>) -> Result<T> {
    let result = caught(call).map_err(|panic| {
        Error::run(format!("chat template: the engine {panic}; this is a bug in it, use another template"))
    })?;
    result.map_err(|error| failed(&error))
}

/// The error of a template: what it raised, or where it stopped and why.
fn failed(error: &minijinja::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(found) = cause {
        if let Some(Raised(message)) = found.downcast_ref() {
            return Error::Run(message.clone());
        }
        cause = found.source();
    }
    let line = error.line().map(|line| format!(", line {line}")).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    match error.kind() {
        ErrorKind::SyntaxError | ErrorKind::BadEscape => {
            Error::usage(format!("chat template{line}: {}{detail}", error.kind()))
        }
        ErrorKind::OutOfFuel => Error::run(format!(
            "chat template{line}: takes more than {FUEL} steps, each an instruction or 64 bytes; shorten the conversation, \
             or use another template"
        )),
        ErrorKind::UndefinedError => Error::run(format!(
            "chat template{line}: uses a value that the conversation does not have{detail}; add it to the messages"
        )),
        kind => Error::run(format!("chat template{line}: {kind}{detail}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(source: &str) -> String {
        let conversation =
            Conversation::from_json(r#"{"messages":[{"role":"user","content":"x"}]}"#).expect("messages");
        let rendered = Template::new(source, &Tokens::new()).and_then(|template| template.render(&conversation, false));
        rendered.expect_err(source).to_string()
    }

    #[test]
    fn an_error_says_where_and_what() {
        assert_eq!(error("{{ raise_exception('Only user!') }}"), "Only user!");
        assert_eq!(error("\n{% if %}"), "chat template, line 2: syntax error: unexpected end of block");
        let missing = "chat template, line 2: uses a value that the conversation does not have; add it to the messages";
        assert_eq!(error("\n{{ messages[0].name.first }}"), missing);
        assert_eq!(error("{{ 'x' | nothing }}"), "chat template, line 1: unknown filter: filter nothing is unknown");
    }

    #[test]
    fn threads_can_share_a_template() {
        fn check<T: Send + Sync>() {}
        check::<Template>();
        check::<Conversation>();
    }

    /// Templates that would take all time or all memory, or end the program.
    #[test]
    fn a_template_takes_a_bounded_time() {
        let doubled = "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% endfor %}";
        let nested = "{% set n = namespace(x=[1]) %}{% for i in range(9999) %}{% set n.x = [n.x] %}{% endfor %}";
        for (source, expected) in [
            (
                "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
                "more than 5000000 steps",
            ),
            ("{% set n = namespace(x='aa') %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}", "steps"),
            (&format!("{nested}{{{{ n.x }}}}"), "nested more than 200 deep"),
            (&format!("{doubled}{{{{ n.x ~ '' }}}}"), "more than a million items"),
            ("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", "recursion limit exceeded"),
            ("{% set n = namespace() %}{% set n.x = n %}{{ n }}", "a namespace cannot be a part of a value"),
            ("{{ ([1] * 99999999) ~ '' }}", "steps"),
            ("{{ '{:>999999999}'.format(1) }}", "a width of more than 4 digits"),
            ("{{ 'a\nb' | replace('a', 'b' * 99999999) | indent(99) }}", "steps"),
        ] {
            let error = error(source);
            assert!(error.contains(expected), "{error}");
        }
    }
}
