//! What made-up users answer: templates by mood, in Chinese and English.

use super::draws::{Draws, What};
use super::person::Person;
use super::world::PRODUCTS;

/// Ratings of the moods, the one that wants to buy among them.
const RATINGS: [[u8; 2]; 4] = [[5, 4], [5, 4], [3, 3], [1, 2]];

/// Excited, about to buy, calm, dissatisfied.
const CHINESE: [&[&str]; 4] = [
    &[
        "太棒了！{product}真的超出我的期待！",
        "哇，{product}也太好看了吧，爱了爱了！",
        "非常喜欢，谢谢你的推荐！！",
        "天哪，这就是我一直想要的{product}！",
        "好开心，{colour}正是我最喜欢的颜色！",
        "绝了，朋友们看到{product}都说好！",
        "是的是的，完美，一百分！",
        "{product}质量特别好，惊喜满满！",
        "推荐得太准了，我超级满意！",
        "收到了，爱不释手，好评！",
    ],
    &[
        "好的，我要买{product}，怎么下单？",
        "请把{product}的购买链接发给我，我现在就付款。",
        "帮我下单两个{product}，可以吗？",
        "价格合适，我买了，支持货到付款吗？",
        "可以，给我来一个{colour}的，马上付钱。",
        "行，就订{product}，多久发货？",
        "太好了，{product}有货吗？我想立刻购买！",
        "对，就要这个，付款方式有哪些？",
        "我决定买{product}了，开发票吗？",
        "加入购物车了，{product}今天能发货的话我就付款。",
    ],
    &[
        "嗯，我知道了。",
        "{product}的尺寸是多少？",
        "我先看看，晚点再说。",
        "谢谢，请问有说明书吗？",
        "还行吧，和别家的{product}差不多。",
        "请问{product}和上一款有什么区别？",
        "可以理解，我再考虑一下。",
        "收到，暂时没有别的问题。",
        "你们周末营业吗？",
        "一般般，没有特别的感觉。",
    ],
    &[
        "{product}用了两天就坏了，太失望了。",
        "不好，根本不是我要的东西。",
        "不要再给我发消息了，很烦。",
        "质量太差，我要退货！",
        "客服一直没有人回复，真让人生气。",
        "{product}跟图片完全不一样，骗人的吧。",
        "太贵了，不值这个价。",
        "没用，别推荐{product}给我了。",
        "等了两个星期还没有收到，不满意。",
        "不是，不对，你们又搞错了，{colour}的我不要。",
    ],
];

/// As above.
const ENGLISH: [&[&str]; 4] = [
    &[
        "Wow, the {product} is even better than I hoped!",
        "Yes! This is exactly what I was looking for!",
        "I love it, thank you so much for the tip!!",
        "The {product} is brilliant, my friends all want one.",
        "Amazing, and {colour} is my favourite colour!",
        "Perfect, could not be happier!",
        "What a great surprise, the {product} made my day!",
        "Fantastic quality, I am delighted.",
        "Best {product} I have ever had, truly!",
        "You know my taste so well, wonderful!",
    ],
    &[
        "Great, I want to buy the {product}. How do I order?",
        "Please send me the link, I will pay for the {product} now.",
        "Can I order two of the {product}? I can pay by card.",
        "The price is right, I will take it. Is there delivery by Friday?",
        "Yes, one in {colour} please, and the invoice to my office.",
        "Okay, I am buying the {product}. Where is the checkout?",
        "Is the {product} in stock? I would like to purchase it today!",
        "Sure, put the {product} in my basket, I will pay tonight.",
        "That is a deal, I am ordering it right away!",
        "Sold! Send me the payment details for the {product}.",
    ],
    &[
        "Okay, noted.",
        "What are the measurements of the {product}?",
        "I will have a look and come back later.",
        "Thanks. Is there a manual?",
        "It is all right, about the same as any other {product}.",
        "How does the {product} differ from last year's?",
        "Let me think about it.",
        "Received, no further questions for now.",
        "Are you open at the weekend?",
        "Neither good nor bad, it does its job.",
    ],
    &[
        "The {product} broke after two days, very disappointing.",
        "No, that is not what I asked for at all.",
        "Please stop writing to me, it is annoying.",
        "Terrible quality, I want to return it.",
        "Nobody answers at your service desk, I am angry.",
        "The {product} looks nothing like the picture. Never again.",
        "Far too expensive, not worth it.",
        "Useless. Do not recommend the {product} to me again.",
        "Two weeks and it still has not arrived, not happy.",
        "Wrong again: I did not want the {colour} one.",
    ],
];

/// A user's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub id: i64,
    pub user: i64,
    pub day: u32,
    pub text: String,
    pub rating: u8,
}

/// One user in ten answers, once to three times.
pub(super) fn of(draws: Draws, person: &Person) -> Vec<Reply> {
    if draws.unit(What::Replies, 0) >= 0.1 {
        return vec![];
    }
    let last = person.looks.last().map_or(0, |look| usize::from(look.item));
    let count = 1 + draws.below(What::Replies, 1, 3);
    let mut days: Vec<u32> = (0..count).map(|number| 1 + draws.below(What::ReplyDay, number, 365)).collect();
    days.sort_unstable();
    let reply = |(number, day): (u32, u32)| {
        let mood = draws.below(What::Reply, number, 4) as usize;
        let templates = if person.language_tag() == "en" { &ENGLISH } else { &CHINESE }[mood];
        let (product, _, _, colour) = PRODUCTS[last];
        let colour = match (colour, person.language_tag()) {
            ("", "en") => "plain",
            ("", _) => "素色",
            (colour, _) => colour,
        };
        let text = draws.pick(What::Reply, number + 10, templates).replace("{product}", product);
        // One in twelve gives another number of stars than their words.
        let rating = if draws.unit(What::Rating, number) < 1.0 / 12.0 {
            1 + draws.below(What::Rating, number + 10, 5) as u8
        } else {
            RATINGS[mood][usize::from(draws.unit(What::Rating, number + 20) < 0.4)]
        };
        Reply {
            id: person.id * 10 + i64::from(number),
            user: person.id,
            day,
            text: text.replace("{colour}", colour),
            rating,
        }
    };
    (0..).zip(days).map(reply).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e22_synth_replies_are_made_of_eighty_templates() {
        let all: Vec<&str> = CHINESE.iter().chain(&ENGLISH).flat_map(|mood| mood.iter().copied()).collect();
        let distinct: std::collections::BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!((all.len(), distinct.len()), (80, 80));
        for text in all {
            let left = text.replace("{product}", "").replace("{colour}", "");
            assert!(!left.contains(['{', '}']), "{text}");
        }
    }
}
