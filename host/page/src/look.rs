//! Which colour and dashes each series has.

use crate::content::{Block, Chart, Page, Series};
use std::collections::{HashMap, HashSet};

/// Colours, and patterns of dashes, that the style sheet defines.
const N_LOOKS: usize = 8;

/// The names of series that several charts have, each with its look, which is the same in all.
pub struct Looks<'a>(HashMap<&'a str, usize>);

impl<'a> Looks<'a> {
    /// Collects the names of a page, in the order in which they come first.
    pub fn of(page: &'a Page) -> Self {
        let names = charts(page).enumerate().flat_map(|(n, chart)| chart.series.iter().map(move |s| (n, &*s.name)));
        let mut charts_of: HashMap<&str, HashSet<usize>> = HashMap::new();
        names.clone().for_each(|(chart, name)| _ = charts_of.entry(name).or_default().insert(chart));
        let mut looks = HashMap::new();
        for (_, name) in names.filter(|(_, name)| charts_of[name].len() > 1) {
            let next = looks.len();
            looks.entry(name).or_insert(next);
        }
        Self(looks)
    }

    /// Returns the look of each series of a chart.
    pub fn in_chart(&self, chart: &Chart) -> Vec<usize> {
        let shared: Vec<_> = chart.series.iter().map(|series| self.0.get(series.name.as_str()).copied()).collect();
        let mut free = (0..).filter(|look| !shared.contains(&Some(*look)));
        shared.iter().map(|look| look.or_else(|| free.next()).unwrap_or(0)).collect()
    }

    /// Whether a chart offers to switch a series off.
    pub fn can_switch(&self, chart: &Chart, series: &Series) -> bool {
        chart.series.len() > 1 || self.0.contains_key(series.name.as_str())
    }
}

fn charts(page: &Page) -> impl Iterator<Item = &Chart> + Clone {
    page.sections.iter().flat_map(|section| &section.blocks).filter_map(|block| match block {
        Block::Chart(chart) => Some(chart),
        _ => None,
    })
}

/// Returns the numbers of a look's colour and dashes. Past the last colour, colours come again with other dashes.
pub fn colour_and_dashes(look: usize) -> (usize, usize) {
    (look % N_LOOKS, (look + look / N_LOOKS) % N_LOOKS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Section;

    fn chart(names: &[&str]) -> Block {
        let series = names.iter().map(|name| Series { name: (*name).into(), ..Series::default() }).collect();
        Block::Chart(Chart { series, ..Chart::default() })
    }

    #[test]
    fn a_name_looks_the_same_in_all_charts() {
        let blocks = vec![chart(&["loss", "a", "b"]), chart(&["rate"]), chart(&["b", "a"]), chart(&["b"])];
        let page = Page { sections: vec![Section { blocks, ..Section::default() }], ..Page::default() };
        let looks = Looks::of(&page);
        let found: Vec<_> = charts(&page).map(|chart| looks.in_chart(chart)).collect();
        assert_eq!(found, [vec![2, 0, 1], vec![0], vec![1, 0], vec![1]]);
        let switches = charts(&page).map(|chart| looks.can_switch(chart, &chart.series[0]));
        assert_eq!(switches.collect::<Vec<_>>(), [true, false, true, true]);
    }

    #[test]
    fn many_series_differ() {
        let mut seen: Vec<_> = (0..64).map(colour_and_dashes).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 64);
    }

    #[test]
    fn colours_stand_out_from_both_backgrounds() {
        let (light, dark) = include_str!("page.css").split_once("prefers-color-scheme: dark").unwrap();
        for theme in [light, dark] {
            let background = luminance(theme, "--paper");
            for look in 0..N_LOOKS {
                let colour = luminance(theme, &format!("--c{look}"));
                let contrast = (colour.max(background) + 0.05) / (colour.min(background) + 0.05);
                assert!(contrast >= 3.0, "--c{look}: {contrast:.2}");
            }
        }
    }

    /// The relative luminance of the first colour with a name, as WCAG defines it.
    fn luminance(css: &str, name: &str) -> f64 {
        let hex = css.split_once(&format!("{name}: #")).unwrap().1;
        let channel = |n: usize| {
            let value = f64::from(u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(0) + 0.7152 * channel(1) + 0.0722 * channel(2)
    }
}
