//! Pages of lists. `page` counts from 1; `page_size` is 20 by default and 100 at most.

use std::ops::RangeInclusive;

use url::Url;

use crate::id::Seq;

/// Rows on a page by default.
pub const DEFAULT_SIZE: u32 = 20;
/// Rows on the largest page.
pub const MAX_SIZE: u32 = 100;

/// The page that a caller requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// From 1.
    pub page: u64,
    /// Rows, 1 to [`MAX_SIZE`].
    pub size: u32,
}

impl PageRequest {
    /// Rows before this page. Saturates, so that a huge page number is past the end.
    pub fn offset(self) -> u64 {
        (self.page - 1).saturating_mul(u64::from(self.size))
    }

    /// Whether the page exists in a list of `count` rows. The first page always exists.
    pub fn exists(self, count: u64) -> bool {
        self.page == 1 || self.offset() < count
    }

    /// Whether another page follows in a list of `count` rows.
    pub fn has_next(self, count: u64) -> bool {
        self.offset().saturating_add(u64::from(self.size)) < count
    }

    /// The sequence numbers on this page of a log without gaps whose newest message is `head`. Pages count from the
    /// newest message. `None` past the end.
    pub fn of_log(self, head: Seq) -> Option<RangeInclusive<Seq>> {
        let newest = head.get().checked_sub(self.offset()).filter(|newest| *newest > 0)?;
        let oldest = newest.saturating_sub(u64::from(self.size) - 1).max(1);
        Some(Seq::new(oldest)..=Seq::new(newest))
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<Row> {
    /// Matching rows on all pages.
    pub count: u64,
    pub rows: Vec<Row>,
}

/// `url` with the parameter `page` replaced and its other parameters unchanged. Page 1 has no parameter.
pub fn link(url: &Url, page: u64) -> String {
    let number = (page > 1).then(|| ("page", page.to_string()));
    replaced(url, &["page"], number)
}

/// `url` with the parameter `cursor` instead of `page`, and its other parameters unchanged.
pub fn link_from(url: &Url, cursor: &str) -> String {
    replaced(url, &["page", "cursor"], Some(("cursor", cursor.to_owned())))
}

/// `url` without some parameters, and with another at its end.
fn replaced(url: &Url, removed: &[&str], added: Option<(&str, String)>) -> String {
    let kept = url.query_pairs().filter(|(key, _)| !removed.contains(&&**key));
    let mut pairs: Vec<(String, String)> = kept.map(|(key, value)| (key.into(), value.into())).collect();
    pairs.extend(added.map(|(key, value)| (key.to_owned(), value)));
    let mut link = url.clone();
    link.set_query(None);
    if !pairs.is_empty() {
        link.query_pairs_mut().extend_pairs(&pairs);
    }
    link.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_log_follow_from_its_head_by_arithmetic() {
        let page = |page, size| PageRequest { page, size };
        assert_eq!(page(1, 20).of_log(Seq::new(45)), Some(Seq::new(26)..=Seq::new(45)));
        assert_eq!(page(3, 20).of_log(Seq::new(45)), Some(Seq::FIRST..=Seq::new(5)));
        assert_eq!(page(4, 20).of_log(Seq::new(45)), None);
        assert_eq!(page(1, 20).of_log(Seq::START), None);
        assert_eq!(page(u64::MAX, 100).of_log(Seq::new(45)), None);
        assert!(page(1, 20).exists(0) && !page(2, 20).exists(20) && page(2, 20).exists(21));
        assert!(page(2, 20).has_next(41) && !page(2, 20).has_next(40));
    }

    #[test]
    fn a_huge_page_number_is_past_the_end() {
        assert_eq!(PageRequest { page: u64::MAX, size: MAX_SIZE }.offset(), u64::MAX);
    }

    #[test]
    fn pages_of_a_log_cover_each_message_once() {
        for (head, size) in [(1, 1), (7, 3), (9, 3), (100, 100), (101, 100)] {
            let pages = (1..).map_while(|page| PageRequest { page, size }.of_log(Seq::new(head)));
            let numbers = |range: RangeInclusive<Seq>| (range.start().get()..=range.end().get()).rev();
            let covered: Vec<u64> = pages.flat_map(numbers).collect();
            assert_eq!(covered, (1..=head).rev().collect::<Vec<_>>(), "{head} rows by {size}");
        }
    }

    #[test]
    fn a_page_exists_if_the_log_has_messages_for_it() {
        for page in 1..5 {
            let page = PageRequest { page, size: 3 };
            assert_eq!(page.exists(7), page.of_log(Seq::new(7)).is_some());
            assert_eq!(page.has_next(7), PageRequest { page: page.page + 1, ..page }.exists(7));
        }
    }

    #[test]
    fn a_link_keeps_the_query_and_changes_the_place() {
        let url = Url::parse("http://host:1/friends?app_id=a&page=2&search=%E6%9D%8E").unwrap();
        assert_eq!(link(&url, 3), "http://host:1/friends?app_id=a&search=%E6%9D%8E&page=3");
        assert_eq!(link(&url, 1), "http://host:1/friends?app_id=a&search=%E6%9D%8E");
        assert_eq!(link(&Url::parse("http://host/friends?page=2").unwrap(), 1), "http://host/friends");
        assert_eq!(link_from(&url, "7.1.0"), "http://host:1/friends?app_id=a&search=%E6%9D%8E&cursor=7.1.0");
        let on = Url::parse("http://host/messages?cursor=9.0.0&type=Text").unwrap();
        assert_eq!(link_from(&on, "7.1.0"), "http://host/messages?type=Text&cursor=7.1.0");
    }
}
