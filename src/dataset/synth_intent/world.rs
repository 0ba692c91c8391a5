//! What there is in the made-up world: products, apps, hobbies, signs, and what goes with what.

/// Types of products.
pub(super) const TYPES: [&str; 6] = ["phones", "tea", "books", "sport", "kitchen", "toys"];

/// Name, number of the type, price in yuan, colour (empty where it makes no sense).
pub(super) const PRODUCTS: [(&str, usize, u32, &str); 40] = [
    ("Lark 5 phone", 0, 2199, "black"),
    ("Lark 5 Mini", 0, 1699, "blue"),
    ("远山折叠手机", 0, 6999, "银色"),
    ("Quill earbuds", 0, 399, "white"),
    ("远山智能手表", 0, 1299, "黑色"),
    ("Lark charger", 0, 99, "white"),
    ("防摔手机壳", 0, 49, "透明"),
    ("高山乌龙", 1, 168, ""),
    ("明前龙井", 1, 328, ""),
    ("陈年普洱", 1, 260, ""),
    ("Breakfast black tea", 1, 75, ""),
    ("茉莉花茶", 1, 88, ""),
    ("Camomile tea", 1, 59, ""),
    ("紫砂茶壶", 1, 480, "紫色"),
    ("A short history of maps", 2, 58, ""),
    ("夜航西飞记", 2, 45, ""),
    ("Cooking over fire", 2, 72, ""),
    ("棋局入门", 2, 36, ""),
    ("Light and lens", 2, 98, ""),
    ("小园四季", 2, 52, ""),
    ("A field guide to ferns", 2, 66, ""),
    ("Trail running shoes", 3, 599, "orange"),
    ("瑜伽垫", 3, 128, "绿色"),
    ("碳素鱼竿", 3, 420, "黑色"),
    ("Running belt", 3, 89, "grey"),
    ("羽毛球拍", 3, 359, "红色"),
    ("Climbing rope", 3, 520, "yellow"),
    ("登山背包", 3, 460, "蓝色"),
    ("Cast-iron pan", 4, 299, "black"),
    ("不粘炒锅", 4, 239, "灰色"),
    ("Bread knife", 4, 149, "silver"),
    ("电热水壶", 4, 179, "白色"),
    ("Herb pots", 4, 69, "terracotta"),
    ("手冲咖啡壶", 4, 210, "银色"),
    ("Wooden chess set", 5, 189, "walnut"),
    ("拼图一千片", 5, 79, ""),
    ("Model railway", 5, 899, "red"),
    ("遥控赛车", 5, 268, "红色"),
    ("Watercolour set", 5, 135, ""),
    ("口袋游戏机", 5, 699, "紫色"),
];

/// Apps, by what they are for.
pub(super) const APPS: [&str; 24] = [
    "chat",
    "video",
    "short_video",
    "news",
    "maps",
    "music",
    "radio",
    "camera",
    "photo_editor",
    "games",
    "chess_online",
    "fitness",
    "step_counter",
    "recipes",
    "food_delivery",
    "reader",
    "audio_books",
    "travel_booking",
    "weather",
    "garden",
    "drawing",
    "shopping",
    "bank",
    "meditation",
];

/// Hobbies, each with the two apps that its people use more often.
pub(super) const HOBBIES: [(&str, [usize; 2]); 12] = [
    ("chess", [10, 9]),
    ("running", [11, 12]),
    ("cooking", [13, 14]),
    ("photography", [7, 8]),
    ("gaming", [9, 1]),
    ("reading", [15, 16]),
    ("gardening", [19, 18]),
    ("travel", [17, 4]),
    ("music", [5, 6]),
    ("painting", [20, 8]),
    ("fishing", [18, 6]),
    ("yoga", [23, 12]),
];

/// The products that people of a hobby come back to, the dearest to them first.
pub(super) const HOBBY_ITEMS: [[u8; 5]; 12] = [
    [34, 17, 9, 35, 2],
    [21, 24, 4, 26, 3],
    [28, 16, 29, 30, 31],
    [18, 0, 27, 38, 2],
    [39, 36, 37, 0, 3],
    [14, 15, 10, 19, 20],
    [32, 19, 20, 12, 13],
    [27, 15, 26, 6, 14],
    [3, 1, 11, 33, 5],
    [38, 18, 8, 13, 35],
    [23, 7, 25, 27, 9],
    [22, 12, 4, 11, 24],
];

/// The two products that users of an app are led to.
pub(super) const APP_ITEMS: [[u8; 2]; 24] = [
    [1, 6],
    [0, 39],
    [5, 37],
    [14, 10],
    [27, 26],
    [3, 33],
    [11, 7],
    [18, 6],
    [38, 2],
    [39, 36],
    [34, 17],
    [21, 22],
    [24, 4],
    [28, 29],
    [31, 30],
    [15, 16],
    [8, 19],
    [27, 25],
    [20, 23],
    [32, 19],
    [38, 13],
    [5, 35],
    [2, 9],
    [12, 22],
];

pub(super) const SIGNS: [&str; 12] = [
    "Aries",
    "Taurus",
    "Gemini",
    "Cancer",
    "Leo",
    "Virgo",
    "Libra",
    "Scorpio",
    "Sagittarius",
    "Capricorn",
    "Aquarius",
    "Pisces",
];

/// Sign, hobby, type: what four in five of those people are. `datasets/intent/personality_lookup.csv` says the same.
pub const KNOWN_MATCHES: [(&str, &str, &str); 24] = [
    ("Aries", "running", "ESTP"),
    ("Aries", "gaming", "ENTP"),
    ("Taurus", "cooking", "ISFJ"),
    ("Taurus", "gardening", "ISFP"),
    ("Gemini", "reading", "ENTP"),
    ("Gemini", "travel", "ENFP"),
    ("Cancer", "cooking", "ESFJ"),
    ("Cancer", "painting", "INFP"),
    ("Leo", "music", "ESFP"),
    ("Leo", "photography", "ENFJ"),
    ("Virgo", "gardening", "ISTJ"),
    ("Virgo", "reading", "INTJ"),
    ("Libra", "painting", "ENFJ"),
    ("Libra", "music", "ESFJ"),
    ("Scorpio", "chess", "INTJ"),
    ("Scorpio", "fishing", "ISTP"),
    ("Sagittarius", "travel", "ESTP"),
    ("Sagittarius", "running", "ENFP"),
    ("Capricorn", "chess", "ESTJ"),
    ("Capricorn", "fishing", "ISTJ"),
    ("Aquarius", "gaming", "INTP"),
    ("Aquarius", "photography", "INFJ"),
    ("Pisces", "yoga", "INFJ"),
    ("Pisces", "music", "INFP"),
];

/// Places, in English and Chinese.
pub(super) const PLACES: [(&str, &str); 16] = [
    ("Guangzhou", "广州"),
    ("Shenzhen", "深圳"),
    ("Hong Kong", "香港"),
    ("Beijing", "北京"),
    ("Shanghai", "上海"),
    ("Chengdu", "成都"),
    ("Wuhan", "武汉"),
    ("Xi'an", "西安"),
    ("Hangzhou", "杭州"),
    ("Nanjing", "南京"),
    ("Xiamen", "厦门"),
    ("Kunming", "昆明"),
    ("Harbin", "哈尔滨"),
    ("Singapore", "新加坡"),
    ("London", "伦敦"),
    ("Toronto", "多伦多"),
];

pub(super) const SURNAMES: [&str; 20] = [
    "李", "王", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱", "胡", "林", "郭", "何", "高",
    "罗",
];

pub(super) const GIVEN: [&str; 24] = [
    "安", "宁", "思远", "文", "子涵", "雨", "明", "佳怡", "浩", "晨", "静", "志强", "梅", "一凡", "乐", "海", "雪",
    "建国", "欣", "波", "若兰", "天", "小满", "星",
];

pub(super) const FIRST_NAMES: [&str; 20] = [
    "Ada", "Ben", "Clara", "David", "Ella", "Finn", "Grace", "Hugo", "Iris", "Jack", "Kate", "Liam", "Maya", "Noah",
    "Olive", "Paul", "Rose", "Sam", "Tess", "Will",
];

pub(super) const LAST_NAMES: [&str; 20] = [
    "Abbot", "Baker", "Carter", "Dyer", "Ellis", "Fisher", "Glover", "Hunter", "Irving", "Joiner", "Knight", "Lister",
    "Mason", "Naylor", "Osler", "Parker", "Reeve", "Slater", "Turner", "Weaver",
];
