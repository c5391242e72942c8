//! Which bytes of a text the assistant wrote, message by message.

use crate::{Conversation, Rendered, Template};
use std::ops::Range;

impl Template {
    /// Finds the assistant's messages in `whole`, what `render` makes without a generation prompt: one range of bytes
    /// for each. They are the marked blocks where the template has marks, those that touch as one. Elsewhere a range is
    /// from the end of the text of all messages before it with a generation prompt to the end of the text with it, and
    /// both must begin the whole text. Returns none for a conversation of which neither holds, such as where a template
    /// changes earlier messages, or has other blocks than one for each of the assistant's messages.
    pub fn answers(&self, conversation: &Conversation, whole: &Rendered) -> Option<Vec<Range<usize>>> {
        let now = self.now();
        let messages = conversation.messages();
        let assistants: Vec<usize> = conversation.assistants().collect();
        if let Some(generated) = &whole.generated {
            let merged = merged(generated);
            let found = [generated.clone(), merged].into_iter().find(|ranges| ranges.len() == assistants.len());
            if found.is_some() {
                return found;
            }
        }
        let prefix = |n: usize, generation_prompt: bool| {
            // a template may refuse messages that end early
            let part = self.render_at(conversation, &messages[..n], generation_prompt, now).ok()?;
            whole.text.starts_with(&part.text).then_some(part.text.len())
        };
        let range = |index: usize| {
            let (start, end) = (prefix(index, true)?, prefix(index + 1, false)?);
            (start <= end).then_some(start..end)
        };
        assistants.into_iter().map(range).collect()
    }
}

/// Joins ranges that touch: a template may have several blocks for a message.
fn merged(ranges: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut().filter(|last| range.start <= last.end) {
            Some(last) => last.end = last.end.max(range.end),
            None => merged.push(range.clone()),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tokens;

    const MESSAGES: &str = r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"é"},
        {"role":"user","content":"r"},{"role":"assistant","content":""},{"role":"user","content":"s"}]}"#;

    #[track_caller]
    fn check(source: &str, expected: Option<&[&str]>) {
        let template = Template::new(source, &Tokens::new()).expect("a template");
        let conversation = Conversation::from_json(MESSAGES).expect("a conversation");
        let rendered = template.render(&conversation, false).expect("a text");
        let (text, answers) = (&rendered.text, template.answers(&conversation, &rendered));
        let texts: Option<Vec<&str>> = answers.map(|ranges| ranges.into_iter().map(|range| &text[range]).collect());
        assert_eq!(texts.as_deref(), expected, "{text}");
    }

    #[test]
    fn answers_are_where_a_prompt_ends() {
        let turns = "{% for m in messages %}<{{ m.role[0] }}>{{ m.content }}<e>{% endfor %}";
        let prompt = "{% if add_generation_prompt %}<a>{% endif %}";
        check(&format!("{turns}{prompt}"), Some(&["é<e>", "<e>"]));
        // the whole message where there is no prompt
        check(turns, Some(&["<a>é<e>", "<a><e>"]));
        check(&format!("{{{{ messages | length }}}}{turns}{prompt}"), None);
        check("{% for m in messages %}{% if not loop.last %}{{ m.content }}{% endif %}{% endfor %}end", None);
        // one that refuses what is not whole
        check(&format!("{{% if messages | length < 5 %}}{{{{ raise_exception('x') }}}}{{% endif %}}{turns}"), None);
    }

    #[test]
    fn answers_are_the_marked_blocks() {
        let marked = "{% for m in messages %}{% if m.role == 'assistant' %}a{% generation %}{{ m.content }}\
            {% endgeneration %}{% generation %}|{% endgeneration %}{% else %}u{% endif %}{% endfor %}";
        check(marked, Some(&["é|", "|"]));
        check(&marked.replace('|', ""), Some(&["é", ""]));
        // a block for all messages says nothing of each
        let all = "{% generation %}{% for m in messages %}{{ m.content }}{% endfor %}{% endgeneration %}";
        check(&format!("x{{{{ messages | length }}}}{all}"), None);
    }
}
